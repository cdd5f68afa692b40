import { Ajv } from 'ajv'
import { expect } from 'chai'
import type { Schema } from '../commands/schema.js'
import { eventSchemas } from '../events/schemas.js'
import { versionOf, type Lineages, type Upcaster } from '../events/upcast.js'
import type { StoredType } from '../events/names.js'
import { changesOf, problemsOf, type Release } from './compatibility.js'
import { recordedEvents } from './recorded-events.js'
import { readReleases, unrecorded } from './releases.js'

/** The schema with every field forbidden that it does not name. */
const strict = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema), (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'properties' in value && !('additionalProperties' in value)
      ? { ...value, additionalProperties: false }
      : value,
  ) as Schema

describe('the event types of today', () => {
  it('are written with no field that their schema does not name', () => {
    const ajv = new Ajv({ allowUnionTypes: true })
    const schemas = Object.fromEntries(
      Object.entries(eventSchemas).map(([type, schema]) => [type, ajv.compile(strict(schema))]),
    )
    for (const { type, data } of recordedEvents()) {
      const fits = schemas[type]!
      expect(fits(data), `${type} ${JSON.stringify(fits.errors)}`).to.equal(true)
    }
  })

  it('break no reader of what was released', () => expect(problemsOf(readReleases())).to.deep.equal([]))

  it('are recorded, each in the version it is written in, with an event that has the schema it was released with', () => {
    const releases = readReleases()
    expect(unrecorded(releases)).to.deep.equal([])
    for (const type of Object.keys(eventSchemas) as StoredType[])
      expect(releases.filter((one) => one.type === type && one.version === versionOf(type))).to.have.lengthOf(1)
  })
})

// No type has a second version yet, so the check is seen at work on a registry of its own.
const held: Schema = {
  type: 'object',
  properties: {
    reason: { type: 'string' },
    stage: { type: 'string', enum: ['sandbox', 'pilot'] },
    note: { type: ['string', 'null'] },
    more: { type: 'array', items: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } },
  },
  required: ['reason', 'stage'],
}
const release = (version: string, schema = held, data: object = { reason: 'audit', stage: 'pilot' }) =>
  ({ type: 'PromotionHeld', version, schema, data }) as Release
const withField = (name: string, schema: Schema) => ({
  ...held,
  properties: { ...(held.properties as object), [name]: schema },
})
const without = (name: string) => ({
  ...held,
  properties: Object.fromEntries(Object.entries(held.properties as object).filter(([field]) => field !== name)),
  required: (held.required as string[]).filter((field) => field !== name),
})
const check = (schema: Schema, releases = [release('1.0')], lineage?: NonNullable<Lineages['PromotionHeld']>) =>
  problemsOf(releases, { schemas: { PromotionHeld: schema }, lineages: lineage && { PromotionHeld: lineage } })

describe('a schema held against the released one', () => {
  it('may stay as it is', () => expect(check(held)).to.deep.equal([]))

  const changes: Record<string, [Schema, string, string]> = {
    'a required field that is gone': [without('reason'), 'earlier readers', 'data lost the required field reason'],
    'a required field that became optional': [
      { ...held, required: ['stage'] },
      'earlier readers',
      'data need not have reason any more',
    ],
    'a new required field': [
      { ...withField('by', { type: 'string' }), required: ['reason', 'stage', 'by'] },
      'today’s readers',
      'data must have by now',
    ],
    'a new optional field': [withField('by', { type: 'string' }), 'nobody', 'data may have by now'],
    'an optional field that is gone': [without('note'), 'nobody', 'data lost the optional field note'],
    'a narrowed type': [
      withField('note', { type: 'string' }),
      'today’s readers',
      'data.note may no longer be of the type null',
    ],
    'a widened type': [
      withField('reason', { type: ['string', 'null'] }),
      'earlier readers',
      'data.reason may be of the type null too',
    ],
    'another type': [
      withField('reason', { type: 'object' }),
      'everybody',
      'data.reason changed its type from string to object',
    ],
    'one more value': [
      withField('stage', { type: 'string', enum: ['sandbox', 'pilot', 'production'] }),
      'earlier readers',
      'data.stage may be of the enum production too',
    ],
    'one value less': [
      withField('stage', { type: 'string', enum: ['pilot'] }),
      'today’s readers',
      'data.stage may no longer be of the enum sandbox',
    ],
    'a new bound': [
      withField('reason', { type: 'string', minLength: 3 }),
      'everybody',
      'data.reason changed its minLength',
    ],
    'a change inside a list': [
      withField('more', { type: 'array', items: { type: 'object', properties: {}, required: [] } }),
      'earlier readers',
      'data.more[] lost the required field n',
    ],
  }
  for (const [title, [schema, breaks, what]] of Object.entries(changes))
    it(`shows ${title}, and that it breaks ${breaks}`, () => {
      expect(changesOf(held, schema)).to.deep.equal([{ breaks, what }])
      expect(
        check(schema).some((problem) => problem.startsWith(`PromotionHeld 1.0 was released, and since then ${what}:`)),
      ).to.equal(true, check(schema).join('\n'))
    })
})

describe('a type with a second version', () => {
  const bigger = { ...withField('by', { type: 'string' }), required: ['reason', 'stage', 'by'] }
  const recorded = release('1.1', bigger, { reason: 'audit', stage: 'pilot', by: 'dana' })
  const step = { from: '1.0', to: '1.1', upcast: (data: object) => ({ ...data, by: 'unknown' }) }

  it('of new required fields needs an upcaster, which has to bring the earlier event into today’s shape', () => {
    const both = [release('1.0'), recorded]
    expect(check(bigger, both, { current: '1.1', steps: [step] })).to.deep.equal([])
    expect(check(bigger, both, { current: '1.1', steps: [] })).to.deep.equal([
      'The event of PromotionHeld 1.0 in the corpus is not of today’s shape: ' +
        "data must have required property 'by'. Write an upcaster from 1.0 (upcast.ts)",
    ])
  })

  it('is told when it is not recorded', () =>
    expect(check(bigger, [release('1.0')], { current: '1.1', steps: [step] })).to.deep.equal([
      'PromotionHeld 1.1 is not recorded: npm run schemas -- record',
    ]))

  it('has to be a major one when earlier readers could not read it', () => {
    const smaller = without('reason')
    const minor = [release('1.0'), release('1.1', smaller, { stage: 'pilot' })]
    expect(check(smaller, minor, { current: '1.1', steps: [] })).to.deep.equal([
      'PromotionHeld 1.1 cannot be read by readers of 1.0, since data lost the required field reason: ' +
        'make it a new major version, with an upcaster from each earlier one (upcast.ts)',
    ])
    const other = withField('reason', { type: 'integer' })
    const changed = [release('1.0'), release('1.1', other, { reason: 3, stage: 'pilot' })]
    const number: Upcaster = { from: '1.0', to: '1.1', upcast: (data) => ({ ...data, reason: 0 }) }
    expect(check(other, changed, { current: '1.1', steps: [number] })).to.deep.equal([
      'PromotionHeld 1.1 cannot be read by readers of 1.0, since data.reason changed its type from string to integer: ' +
        'make it a new major version, with an upcaster from each earlier one (upcast.ts)',
    ])
    const major = [release('1.0'), release('2.0', smaller, { stage: 'pilot' })]
    const drop: Upcaster = { from: '1.0', to: '2.0', upcast: ({ stage = null }) => ({ stage }) }
    expect(check(smaller, major, { current: '2.0', steps: [drop] })).to.deep.equal([])
    expect(check(smaller, major, { current: '2.0', steps: [] })).to.deep.equal([
      'The event of PromotionHeld 1.0 in the corpus is not read: Version 1.0 of PromotionHeld is not known here; 2.0 is. ' +
        'Write an upcaster from 1.0 (upcast.ts)',
    ])
  })

  it('may not be made by an upcaster that writes into what it is given', () => {
    const impure = { ...step, upcast: (data: object) => Object.assign(data, { by: 'unknown' }) }
    expect(check(bigger, [release('1.0'), recorded], { current: '1.1', steps: [impure] })).to.deep.equal([
      'The event of PromotionHeld 1.0 in the corpus was changed by its upcaster: return new data instead',
    ])
  })
})

describe('a type that is gone', () => {
  it('is missed', () =>
    expect(problemsOf([release('1.0')], { schemas: {} })).to.deep.equal([
      'The event of PromotionHeld 1.0 in the corpus is of a type that is gone: what is stored is never renamed, bring the type back',
    ]))
})
