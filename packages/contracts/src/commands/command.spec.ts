import { expect } from 'chai'
import * as fc from 'fast-check'
import { Fault } from '@journey/runtime'
import { digestOf, readCommand, readableCommandId, type Incoming } from './command.js'
import { depthLimit } from './json.js'
import { commandKinds, isCommandType } from './registry.js'

const incoming = (body: unknown, over: Partial<Incoming> = {}): Incoming => ({
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  routingKey: 'journey.start',
  headers: {},
  ...over,
})

const start = (over: object = {}, data: object = {}) => ({
  command_id: 'c-1',
  command_type: 'journey.start',
  data: { client_id: 'client-123', data_sources: ['jira'], ...data },
  ...over,
})

const refused = (message: Incoming, code: string, ...fields: string[]) => {
  try {
    readCommand(message)
    expect.fail('the command was read')
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    expect(error).to.include({ family: 'malformed', code })
    expect([...new Set(error.details.map(({ field }) => field))]).to.have.members(fields)
  }
}

describe('a command off the bus', () => {
  it('is read with its defaults filled in', () => {
    expect(readCommand(incoming(start())).command).to.deep.equal({
      type: 'journey.start',
      data: {
        client_id: 'client-123',
        data_sources: ['jira'],
        connectors: ['jira'],
        users: [],
        pilot_cohort_size: 10,
        contract_signed: false,
        parameters: {},
      },
    })
  })
  it('takes its id from the body, else the message id, else the header', () => {
    const anonymous = start({ command_id: undefined })
    expect(readCommand(incoming(start(), { messageId: 'm-1' })).commandId).to.equal('c-1')
    expect(
      readCommand(incoming(anonymous, { messageId: 'm-1', headers: { 'idempotency-key': 'h-1' } })).commandId,
    ).to.equal('m-1')
    expect(readCommand(incoming(anonymous, { headers: { 'idempotency-key': 'h-1' } })).commandId).to.equal('h-1')
    refused(incoming(anonymous), 'command/invalid', 'command_id')
  })
  it('takes its type from the routing key where the body does not say it, and must not contradict it', () => {
    expect(readCommand(incoming(start({ command_type: undefined }))).command.type).to.equal('journey.start')
    refused(incoming(start(), { routingKey: 'journey.cancel' }), 'command/invalid', 'command_type')
    refused(
      incoming(start({ command_type: undefined }), { routingKey: 'journey.begin' }),
      'command/unknown_type',
      'command_type',
    )
  })
  it('names every field that is wrong, missing or unknown, at once', () => {
    refused(
      incoming({
        ...start({ timestamp: 'yesterday', colour: 'red' }),
        data: { client_id: '-x', connectors: 'jira', pilot_cohort_size: '10', mood: 1 },
      }),
      'command/invalid',
      ...[
        'timestamp',
        'colour',
        'data.client_id',
        'data.data_sources',
        'data.connectors',
        'data.pilot_cohort_size',
        'data.mood',
      ],
    )
  })
  it('knows own keys such as constructor and __proto__ for the unknown fields they are', () => {
    const body = '{"command_id":"c","data":{"client_id":"a","data_sources":["b"],"constructor":1,"__proto__":{"x":1}}}'
    refused(incoming(body), 'command/invalid', 'data.constructor', 'data.__proto__')
    refused(
      incoming('{"command_id":"c","__proto__":1,"data":{"client_id":"a","data_sources":["b"]}}'),
      'command/invalid',
      '__proto__',
    )
  })
  it('is not converted: a number in quotes is no number', () =>
    refused(incoming(start({}, { contract_signed: 'true' })), 'command/invalid', 'data.contract_signed'))
  it('of another major version is not read; of another minor it is', () => {
    expect(readCommand(incoming(start({ command_version: '1.7' }))).commandId).to.equal('c-1')
    refused(incoming(start({ command_version: '2.0' })), 'command/unsupported_version')
    refused(incoming(start({ command_version: 'one' })), 'command/invalid', 'command_version')
  })
  it('may be 256 KiB and no more', () => {
    const padded = (bytes: number) => {
      const empty = JSON.stringify(start({ metadata: { pad: '' } })).length
      return incoming(start({ metadata: { pad: 'x'.repeat(bytes - empty) } }))
    }
    expect(readCommand(padded(256 * 1024)).commandId).to.equal('c-1')
    refused(padded(256 * 1024 + 1), 'json/too_large')
  })
  it('of the orchestrator itself may be larger, since it carries what others sent', () => {
    const work_id = '7c9e6679-7425-40de-944b-e07fc1f90ae7'
    const own = (bytes: number) =>
      incoming(
        { command_id: 'c', data: { work_id }, metadata: { pad: 'x'.repeat(bytes) } },
        { routingKey: 'unit_of_work.time_out' },
      )
    expect(readCommand(own(700 * 1024)).commandId).to.equal('c')
    refused(own(768 * 1024), 'json/too_large')
  })
  it('registers no agent whose queue would have the name of another', () => {
    const register = (agent_id: string) =>
      incoming({ command_id: 'c', data: { agent_id, name: 'A', intents: ['i'] } }, { routingKey: 'agent.register' })
    for (const id of ['zed.dlq', 'zed.migrating', 'zed.retry.5s', 'events.retry.10m', 'events'])
      refused(register(id), 'command/invalid', 'data.agent_id')
    for (const id of ['zed', 'dlq', 'events.eu', 'a.retry.x', 'migrating-agent'])
      expect(readCommand(register(id)).commandId).to.equal('c')
  })
  it('is UTF-8 JSON that can be stored as it is', () => {
    refused(incoming('{'), 'json/unreadable')
    refused({ ...incoming(''), body: Buffer.from([0x7b, 0xff, 0x7d]) }, 'json/not_utf8')
    refused(incoming('{"command_id":"a\\u0000b"}'), 'json/text_not_storable', 'command_id')
    refused(incoming('{"data":{"x":1e999}}'), 'json/number_too_large', 'data.x')
    refused(incoming('{"data":{"x":12345678901234567890}}'), 'json/number_too_large', 'data.x')
    refused(
      incoming('['.repeat(depthLimit + 2) + ']'.repeat(depthLimit + 2)),
      'json/too_deep',
      Array(depthLimit + 1)
        .fill('0')
        .join('.'),
    )
    refused(incoming('[]'), 'command/not_an_object')
    refused(incoming('null'), 'command/not_an_object')
  })
  it('acts for the actor it names, else for its source', () => {
    expect(readCommand(incoming(start({ metadata: { actor: { type: 'user', id: 'dana' } } }))).actor).to.deep.equal({
      type: 'user',
      id: 'dana',
    })
    expect(readCommand(incoming(start({ source: 'crm', metadata: { actor: 'dana' } }))).actor).to.deep.equal({
      type: 'unknown',
      id: 'crm',
    })
  })
  it('never ends in anything but a command or a malformed fault, whatever the bytes', () => {
    const body = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
      fc.object().map((value) => Buffer.from(JSON.stringify({ command_id: 'x', data: value }))),
    )
    fc.assert(
      fc.property(body, fc.string(), (bytes, routingKey) => {
        try {
          readCommand({ body: bytes, routingKey, headers: {} })
        } catch (error) {
          expect(error).to.have.property('family', 'malformed')
        }
      }),
    )
  })
})

describe('the id of a message that is no command', () => {
  it('is still read where anything names one', () => {
    expect(readableCommandId(incoming({ command_id: 'c-1', nonsense: true }))).to.equal('c-1')
    expect(readableCommandId(incoming('rubbish', { messageId: 'm-1' }))).to.equal('m-1')
    expect(readableCommandId(incoming({ command_id: 7 }, { headers: { 'idempotency-key': 'h' } }))).to.equal('h')
    expect(readableCommandId(incoming('rubbish'))).to.equal(undefined)
    expect(readableCommandId(incoming('{"command_id":"c","data":{"x":1e999,"y":"\\u0000"}}'))).to.equal('c')
    expect(readableCommandId(incoming('{"command_id":"a\\u0000"}', { messageId: 'm' }))).to.equal('m')
  })
})

describe('the digest of a command', () => {
  it('is equal for equal type and data, in whatever order the fields stand', () =>
    expect(digestOf('journey.hold', { client_id: 'a', reason: 'b' })).to.equal(
      digestOf('journey.hold', { reason: 'b', client_id: 'a' }),
    ))
  it('differs when the type or any field differs', () => {
    const digests = [
      digestOf('journey.hold', { client_id: 'a' }),
      digestOf('journey.release', { client_id: 'a' }),
      digestOf('journey.hold', { client_id: 'b' }),
    ]
    expect(new Set(digests).size).to.equal(3)
  })
})

describe('the registry of commands', () => {
  it('knows its own names and no others', () => {
    for (const type of Object.keys(commandKinds)) expect(isCommandType(type)).to.equal(true)
    for (const type of ['constructor', 'toString', 'journey', '']) expect(isCommandType(type)).to.equal(false)
  })
})
