import { createLog } from '@journey/runtime'
import { expect } from 'chai'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applyLogLevel, loggingFile, logLevelOf } from './logging.js'

const withFile = (yaml: string | undefined, use: (configDir: string, write: (yaml: string) => void) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), 'logging-'))
  const write = (text: string) => writeFileSync(join(folder, loggingFile), text)
  if (yaml !== undefined) write(yaml)
  try {
    use(folder, write)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
const perService = 'logging:\n  level: warn\n  services:\n    projector: debug\n'

describe('how much a service logs', () => {
  it('is said by the environment, else by its line in the file, else by the file, else it is info', () => {
    withFile(perService, (configDir) => {
      expect(logLevelOf('projector', { logLevel: 'error', configDir }).level).to.equal('error')
      expect(logLevelOf('projector', { configDir }).level).to.equal('debug')
      expect(logLevelOf('notifier', { configDir }).level).to.equal('warn')
    })
    withFile(undefined, (configDir) => expect(logLevelOf('notifier', { configDir }).level).to.equal('info'))
  })

  it('changes while it runs, for the loggers made before, too', () =>
    withFile(perService, (configDir, write) => {
      const lines: Record<string, unknown>[] = []
      const to = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
      const log = createLog({ service: 'notifier', level: 'info', to })
      const child = log.child({ queue: 'q' })
      const told = () => lines.splice(0).map(({ msg }) => msg)
      const say = () => {
        child.debug('quiet')
        child.info('loud')
        return told()
      }
      const changed = 'this much is logged from now on'
      applyLogLevel(log, 'notifier', { configDir }, 'debug')
      expect(say()).to.deep.equal([changed, 'quiet', 'loud'])
      applyLogLevel(log, 'notifier', { configDir })
      expect(say()).to.deep.equal([changed])
      write('logging:\n  level: deafening\n')
      applyLogLevel(log, 'notifier', { configDir })
      expect([log.level, lines.map(({ code }) => code)]).to.deep.equal(['warn', ['config/invalid']])
    }))
})
