import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** What each room may import of ours, its specs and testing doors apart: `domain` ← `contracts` ← adapters ← `handlers` ← `services`. */
const adapters = ['messaging', 'event-store', 'read-model', 'integrations', 'archive']
const allowed: Record<string, string[]> = {
  'packages/domain': [],
  'packages/runtime': [],
  'packages/contracts': ['domain', 'runtime'],
  ...Object.fromEntries(adapters.map((name) => [`packages/${name}`, ['domain', 'contracts', 'runtime']])),
  'packages/handlers': [...adapters, 'contracts', 'domain', 'runtime'],
  'packages/frame': [...adapters, 'contracts', 'runtime'],
  'packages/embedded': ['runtime'],
  'packages/agent': ['contracts', 'messaging', 'runtime'],
  'packages/cli': ['contracts', 'domain', 'messaging', 'runtime'],
  ...Object.fromEntries(
    readdirSync(join(root, 'services')).map((name) => [
      `services/${name}`,
      [...adapters, 'agent', 'contracts', 'domain', 'frame', 'handlers', 'runtime'],
    ]),
  ),
}

const sourcesOf = (room: string): string[] =>
  readdirSync(join(root, room, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !/(^|\/)testing(\/|\.ts$)/.test(file))
    .map((file) => join(room, 'src', file))

const importsOf = (file: string): string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^'\n]+)'/g)].map(
    ([, name]) => name ?? '',
  )

describe('the walls of the house', () => {
  for (const [room, rooms] of Object.entries(allowed))
    it(`let ${room} import ${rooms.length > 0 ? rooms.join(', ') : 'none of our packages'}, by their front doors`, () => {
      const wrong = sourcesOf(room).flatMap((file) =>
        importsOf(file)
          .filter((name) => name.startsWith('@journey/') && !rooms.map((one) => `@journey/${one}`).includes(name))
          .map((name) => `${file} imports ${name}`),
      )
      expect(wrong).to.deep.equal([])
    })

  it('let no file reach into another room by a path', () => {
    const wrong = Object.keys(allowed).flatMap((room) =>
      sourcesOf(room).flatMap((file) =>
        importsOf(file)
          .filter((name) => /^(\.\.\/)+(packages|services|src|dist)\//.test(name))
          .map((name) => `${file} imports ${name}`),
      ),
    )
    expect(wrong).to.deep.equal([])
  })

  it('keep inputs and outputs, clocks and chance out of the domain', () => {
    const wrong = sourcesOf('packages/domain').flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      return [
        ...importsOf(file).filter((name) => !name.startsWith('.') && name !== 'uuid'),
        ...(/\bnew Date\(\)|Date\.now|Math\.random|\bprocess\.(?:env|argv|exit|hrtime)|console\./.exec(text) ?? []),
      ].map((what) => `${file}: ${what}`)
    })
    expect(wrong).to.deep.equal([])
  })

  it('let only container.ts know inversify, and only main.ts the environment', () => {
    const wrong = Object.keys(allowed).flatMap((room) =>
      sourcesOf(room).flatMap((file) => {
        const text = readFileSync(join(root, file), 'utf8')
        return [
          ...(importsOf(file).includes('inversify') && !file.endsWith('/container.ts')
            ? [`${file} knows inversify`]
            : []),
          ...(/process\.env\b/.test(text.replace(/`process\.env`/g, '')) && !file.endsWith('main.ts')
            ? [`${file} reads the environment`]
            : []),
        ]
      }),
    )
    expect(wrong).to.deep.equal([])
  })

  it('let every service begin with main.ts and container.ts', () => {
    for (const service of readdirSync(join(root, 'services')))
      expect(readdirSync(join(root, 'services', service, 'src')), service).to.include.members([
        'main.ts',
        'container.ts',
        'settings.ts',
      ])
  })
})
