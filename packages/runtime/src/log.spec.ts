import { expect } from 'chai'
import { createLog } from './log.js'

describe('the log', () => {
  const written = (tell: (log: ReturnType<typeof createLog>) => void): Record<string, unknown> => {
    const lines: string[] = []
    tell(createLog({ service: 'spec', level: 'info', to: { write: (line) => void lines.push(line) } }))
    expect(lines).to.have.length(1)
    return JSON.parse(lines[0]!) as Record<string, unknown>
  }

  it('names the service, the level and the time of a line', () => {
    const line = written((log) => log.info({ stream: 'journey-a' }, 'told'))
    expect(line).to.include({ service: 'spec', level: 'info', stream: 'journey-a', msg: 'told' })
    expect(new Date(line.time as string).toISOString()).to.equal(line.time)
  })

  it('shows no secret in the first three levels of a line, and leaves what it was given as it is', () => {
    const given = {
      url: 'amqp://user:pass@host',
      server: { password: 'pass', name: 'one', further: { token: 'pass', list: ['kept'] } },
      servers: [{ secret: 'pass' }],
    }
    const { time: _, ...line } = written((log) => log.info(given, 'told'))
    expect(line).to.deep.equal({
      level: 'info',
      service: 'spec',
      msg: 'told',
      url: '[secret]',
      server: { password: '[secret]', name: 'one', further: { token: '[secret]', list: ['kept'] } },
      servers: [{ secret: '[secret]' }],
    })
    expect(given.server.password).to.equal('pass')
  })

  it('shows no secret that a child logger binds, or that an error carries', () => {
    const error = Object.assign(new Error('away'), { code: 'ECONNREFUSED', url: 'amqp://user:pass@host' })
    const line = written((log) => log.child({ authorization: 'pass', messageId: 'one' }).warn({ err: error }, 'told'))
    expect(line).to.include({ authorization: '[secret]', messageId: 'one' })
    expect(line.err).to.include({ type: 'Error', message: 'away', code: 'ECONNREFUSED', url: '[secret]' })
    expect(JSON.stringify(line)).not.to.include('pass')
  })

  it('shows no secret of an error that stands under another name, or deeper', () => {
    const error = Object.assign(new Error('away'), { code: 'ECONNREFUSED', url: 'amqp://user:pass@host' })
    const line = written((log) => log.warn({ reason: error, of: { err: error }, err: error }, 'told'))
    expect(line).to.deep.include({
      reason: { code: 'ECONNREFUSED', url: '[secret]' },
      of: { err: { code: 'ECONNREFUSED', url: '[secret]' } },
    })
    expect(line.err).to.include({ message: 'away', url: '[secret]' }).and.to.have.property('stack')
    expect(error.url).to.include('pass')
  })

  it('writes times and other values that know their own text as they are', () => {
    const at = new Date(0)
    expect(written((log) => log.info({ at, of: { at } }, 'told'))).to.deep.include({
      at: at.toISOString(),
      of: { at: at.toISOString() },
    })
  })
})
