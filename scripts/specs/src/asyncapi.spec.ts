import { Ajv, type AnySchema } from 'ajv'
import { expect } from 'chai'
import { createRequire } from 'node:module'
import {
  anyFromBus,
  busTypes,
  commandKinds,
  exchanges,
  familyQueue,
  fromBus,
  readCommand,
  readControl,
  readReceived,
  receivedFamilies,
  receivedSchemas,
  topologyFor,
  type ReceivedFamily,
} from '@journey/contracts'
import { asyncApi } from './asyncapi.js'

const require = createRequire(import.meta.url)
const official = require('@asyncapi/specs/schemas/3.0.0-without-$id.json') as AnySchema

type Message = {
  payload: { $ref: string }
  headers?: { $ref: string }
  examples?: {
    payload: { command_id: string; event_id: string; event_type: string; metadata: { revision: number } }
    headers?: object
  }[]
}
type Channel = {
  description?: string
  messages: Record<string, unknown>
  bindings?: { amqp: { exchange?: { name: string; type: string; durable: boolean } } }
}
const document = asyncApi() as {
  channels: Record<string, Channel>
  components: { messages: Record<string, Message>; schemas: object }
}
const ajv = () => new Ajv({ strict: false, validateFormats: false, allErrors: true })
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const messages = Object.entries(document.components.messages).filter(([, { examples }]) => examples)
const exampleOf = (type: string) => document.components.messages[type]!.examples![0]!

describe('the AsyncAPI document', () => {
  it('is one by the official schema', () => {
    const validate = ajv().compile(official)
    expect(validate(document), JSON.stringify(validate.errors?.slice(0, 5), null, 2)).to.equal(true)
  })

  it('is refused by it when something is wrong', () => {
    const validate = ajv().compile(official)
    expect(validate({ ...document, operations: { send_events: { action: 'publish' } } })).to.equal(false)
  })

  it('leaves no reference open', () => {
    const open = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)]
      .map(([, path]) => path!)
      .filter(
        (path) =>
          path
            .split('/')
            .reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], document) ===
          undefined,
      )
    expect(open).to.deep.equal([])
  })

  it('tells every command that anyone may send, and every event', () => {
    const anyones = Object.entries(commandKinds).filter(([, { from }]) => from === 'anyone')
    expect(Object.keys(document.channels.commands!.messages)).to.have.members(anyones.map(([type]) => type))
    expect(Object.keys(document.channels.events!.messages)).to.have.members(Object.values(busTypes))
  })

  it('tells every type of others that has a schema, and one for the rest, before and after it is recorded', () => {
    const types = [...Object.keys(receivedSchemas), 'any']
    const { events_of_others: sent, recorded_events_of_others: recorded } = document.channels
    expect(Object.keys(sent!.messages)).to.have.members(types.map((type) => `others.${type}`))
    expect(Object.keys(recorded!.messages)).to.have.members(types.map((type) => `recorded.${type}`))
    for (const family of receivedFamilies) expect(sent!.description).to.include(`\`${familyQueue(family)}\``)
  })

  it('tells the exchanges as they are declared', () => {
    const told = Object.values(document.channels).flatMap(({ bindings }) => bindings?.amqp.exchange ?? [])
    for (const { name, type, durable } of told)
      expect({ name, type, durable }).to.deep.include({
        ...topologyFor({ version: '3.10.8' }).exchanges.find((exchange) => exchange.name === name),
        durable: true,
      })
    expect(told.map(({ name }) => name)).to.include.members([
      exchanges.commands.name,
      exchanges.events.name,
      exchanges.received.name,
    ])
  })

  for (const [name, { payload, headers, examples }] of messages)
    it(`has an example of ${name} that its own schema takes`, () => {
      const check = (schema: { $ref: string }, value: unknown) => {
        const validate = ajv().compile({ ...document.components, $ref: `#/schemas/${schema.$ref.split('/').at(-1)}` })
        expect(validate(value), JSON.stringify(validate.errors)).to.equal(true)
      }
      expect(examples).to.have.lengthOf(1)
      const example = exampleOf(name)
      check(payload, example.payload)
      if (example.headers) check(headers!, example.headers)
    })

  for (const [type] of messages.filter(([name]) => name in commandKinds))
    it(`has an example of ${type} that the command-handler takes`, () => {
      const { payload } = exampleOf(type)
      const { command, commandId } = readCommand({ body: bytes(payload), routingKey: type, headers: {} })
      expect(command).to.have.property('type')
      expect(commandId).to.equal(payload.command_id)
    })

  for (const [type] of messages.filter(([name]) => (Object.values(busTypes) as string[]).includes(name)))
    it(`has an example of ${type} that a consumer takes`, () => {
      const { payload } = exampleOf(type)
      expect(fromBus(bytes(payload))).to.deep.include({ id: payload.event_id, revision: payload.metadata.revision })
    })

  for (const [name] of messages.filter(([name]) => name.startsWith('others.')))
    it(`has an example of ${name} that is recorded, and is read as it is published then`, () => {
      const { payload } = exampleOf(name)
      const [family] = payload.event_type.split('.') as [ReceivedFamily]
      expect(readReceived(bytes(payload), family)).to.deep.include({ id: payload.event_id, type: payload.event_type })
      const recorded = exampleOf(name.replace('others.', 'recorded.')).payload
      const { event } = anyFromBus(bytes(recorded))
      expect(event).to.deep.include({ type: 'ReceivedEvent' })
      expect(event.data).to.deep.include({ event_type: payload.event_type })
    })

  it('has an example of a broadcast that the services take', () => {
    const { payload } = exampleOf('control')
    expect(readControl(bytes(payload))).to.deep.equal(payload)
  })
})
