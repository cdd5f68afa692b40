import { Ajv } from 'ajv'
import { expect } from 'chai'
import { recordedEvents } from '../testing/recorded-events.js'
import { eventSchemas } from '../events/schemas.js'
import { busTypes } from '../events/names.js'
import { eventShapes } from './event-shapes.js'
import { decodeContent, encodeContent, redact, restore } from './redaction.js'

const marker = 'a secret of the client'

describe('what is not listed as plain', () => {
  it('is content, whatever its kind, and leaves its kind behind', () => {
    const { skeleton, content } = redact(
      { id: 'a', text: marker, count: 5, yes: true, list: [1], map: { x: 1 }, nothing: null, bytes: Buffer.from('x') },
      { id: 'plain' },
    )
    expect(skeleton).to.deep.equal({
      id: 'a',
      text: 'redacted',
      count: 0,
      yes: false,
      list: [],
      map: {},
      nothing: null,
      bytes: Buffer.alloc(0),
    })
    expect(content.map(([path]) => path)).to.deep.equal([['text'], ['count'], ['yes'], ['list'], ['map'], ['bytes']])
  })

  it('comes back to where it was, in lists and maps too, under whatever names', () => {
    const value = JSON.parse(
      '{"tasks":{"__proto__":{"status":"completed","output":{"a":1}},"constructor":{"status":"failed","message":"m"}},"items":[{"id":1,"text":"t"},{"id":2,"text":"u"}]}',
    ) as object
    const shape = { tasks: { '*': { status: 'plain' } }, items: [{ id: 'plain' }] } as const
    const { skeleton, content } = redact(value, shape)
    expect(JSON.stringify(skeleton)).to.not.match(/"m"|"t"|"a"/)
    expect(JSON.stringify(restore(skeleton, decodeContent(encodeContent(content))))).to.equal(JSON.stringify(value))
  })

  it('is nothing once it is redacted: that again changes nothing', () => {
    const { skeleton } = redact({ reason: marker, list: [1] }, {})
    expect(redact(skeleton, {})).to.deep.equal({ skeleton, content: [] })
  })

  it('is left out where its place was not read', () =>
    expect(
      restore({ a: 'redacted' }, [
        [['b', 0], 1],
        [['a'], 'x'],
      ]),
    ).to.deep.equal({ a: 'x' }))
})

describe('every event there is', () => {
  const ajv = new Ajv({ allowUnionTypes: true })

  it('still fits its schema when its content is gone, and has it back when it is restored', () => {
    for (const { type, data } of recordedEvents()) {
      const before = JSON.stringify(data)
      const { skeleton, content } = redact(data, eventShapes[type])
      ajv.validate(eventSchemas[type], skeleton)
      expect(ajv.errors, `${type} ${JSON.stringify(ajv.errors)}`).to.equal(null)
      expect(JSON.stringify(restore(skeleton, decodeContent(encodeContent(content))))).to.equal(before)
    }
  })

  it('names no field as plain that its schema does not have', () => {
    for (const type of Object.keys(busTypes) as (keyof typeof busTypes)[]) {
      const known = Object.keys((eventSchemas[type] as { properties: object }).properties)
      expect(known, type).to.include.members(Object.keys(eventShapes[type]))
    }
  })

  it('treats a field that nobody has decided on as content', () => {
    for (const { type, data } of recordedEvents()) {
      const { skeleton } = redact({ ...data, of_tomorrow: marker }, eventShapes[type])
      expect(JSON.stringify(skeleton), type).to.not.contain(marker)
    }
  })

  it('lets no text through but in fields that were decided on, one by one', () => {
    const plain = new Map<string, Set<string>>()
    const walk = (type: string, value: unknown, path: string): void => {
      if (typeof value === 'string' && value !== 'redacted') {
        const paths = plain.get(type) ?? new Set()
        plain.set(type, paths.add(path))
      } else if (Array.isArray(value)) for (const item of value) walk(type, item, `${path}[]`)
      else if (typeof value === 'object' && value !== null)
        for (const [name, inner] of Object.entries(value)) walk(type, inner, `${path}.${name}`)
    }
    for (const { type, data } of recordedEvents()) walk(type, redact(data, eventShapes[type]).skeleton, '')
    const texts = [...plain].flatMap(([type, paths]) => [...paths].map((path) => `${type}${path}`))
    expect(
      texts.filter((path) =>
        /(reason|comment|message|users|input|output|inputs|parameters|data_sources|source)(\[\])?$/.test(path),
      ),
    ).to.deep.equal([])
  })
})
