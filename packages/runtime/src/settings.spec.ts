import { expect } from 'chai'
import { IsInt, Max, Min } from 'class-validator'
import { Fault } from './errors.js'
import { ServerSettings } from './servers.js'
import { FromEnv, readSettings } from './settings.js'

class PoolSettings {
  @FromEnv('POOL_SIZE') @IsInt() @Min(1) @Max(100) size = 10
  @FromEnv('POOL_NAME') name = 'main'
}

describe('settings read from the environment', () => {
  it('keep their defaults where a variable is unset or empty', () => {
    expect({ ...readSettings(PoolSettings, { POOL_NAME: '' }) }).to.deep.equal({ size: 10, name: 'main' })
  })

  it('convert numbers and resolve references to other variables', () => {
    const settings = readSettings(PoolSettings, { POOL_SIZE: '20', POOL_NAME: 'p-${SECRET}', SECRET: 'x' })
    expect({ ...settings }).to.deep.equal({ size: 20, name: 'p-x' })
  })

  it('report every problem at once, by variable, without showing a value', () => {
    const read = () => readSettings(PoolSettings, { POOL_SIZE: 'hunter2', POOL_NAME: '${NOWHERE}' })
    expect(read).to.throw(Fault).with.property('code', 'settings/invalid')
    expect(read).to.throw(/POOL_NAME: refers to NOWHERE.*POOL_SIZE/s)
    expect(read).not.to.throw(/hunter2/)
  })

  it('build the addresses of the servers from their parts, or take them whole', () => {
    const parts = readSettings(ServerSettings, {
      RABBITMQ_HOST: 'mq',
      RABBITMQ_PASS: 'a/b',
      JOURNEY_STATE_DB_PASSWORD: '${P}',
      P: 's',
    })
    expect(parts.amqpUrl).to.equal('amqp://guest:a%2Fb@mq:5672/%2F')
    expect(parts.databaseUrl).to.equal('postgres://journey_orchestrator:s@127.0.0.1:5432/journey_state')
    expect(readSettings(ServerSettings, { RABBITMQ_URL: 'amqp://x' }).amqpUrl).to.equal('amqp://x')
  })
})
