import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What becomes of one delivery. */
export type Lie = 'pass' | 'drop' | 'duplicate' | 'delay' | 'kill_channel' | 'kill_connection'

/**
 * A broker that lies, between a real one and a real client: it loses deliveries, brings them twice and out of order, and closes channels
 * and connections. Delivery tags are told to the client anew, in the order in which it gets them, and acknowledgements are
 * translated back. What is dropped is acknowledged to the broker and lost, or left open there, so that the broker brings it again once the
 * channel is gone. All else passes as it is.
 */
export type LyingBroker = {
  /** The broker's address, by way of this. */
  readonly url: string
  /** Asked for each delivery of a queue that is lied about; without it the truth is told, what was held back included. */
  lie: ((queue: string) => Lie) | undefined
  /** How often each lie was told. */
  readonly told: Record<Lie, number>
  /** Cuts every connection; what the broker has open comes again. */
  cut(): void
  close(): Promise<void>
}

const frameEnd = 0xce
const [methodFrame, headerFrame] = [1, 2]
const method = (classId: number, id: number): number => (classId << 16) | id
const channelClose = method(20, 40)
const channelCloseOk = method(20, 41)
const basicConsume = method(60, 20)
const basicDeliver = method(60, 60)
const basicAck = method(60, 80)
const basicReject = method(60, 90)
const basicNack = method(60, 120)

/** How many later deliveries overtake one that is held back, at most, and how long it is held. */
const overtakenBy = 6
const heldMs = 8

/**
 * @param lying the queues whose deliveries are lied about
 * @param isLost whether what is dropped is gone for good
 */
export const createLyingBroker = async (
  serverUrl: string,
  lying: (queue: string) => boolean,
  { isLost = true }: { isLost?: boolean } = {},
): Promise<LyingBroker> => {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  const told = { pass: 0, drop: 0, duplicate: 0, delay: 0, kill_channel: 0, kill_connection: 0 }
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    between(near, far, lying, isLost, (queue) => {
      const lie = broker.lie?.(queue) ?? 'pass'
      told[lie]++
      return lie
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const broker: LyingBroker = {
    url: url.href,
    lie: undefined,
    told,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return broker
}

/** One channel as far as it is lied on. */
type Lane = {
  queue: string
  /** The last tag that the client was given. */
  lastTag: bigint
  /** The broker's tags by the client's, of what the client has not settled. */
  tags: Map<bigint, bigint>
  /** The broker's tags that are not settled: a second copy's end is none. */
  open: Set<bigint>
  held: { delivery: Delivery; overtaken: number; timer: NodeJS.Timeout }[]
}
type Delivery = { tag: bigint; frames: Buffer[]; bodyLeft: number }

const between = (
  near: Socket,
  far: Socket,
  lying: (queue: string) => boolean,
  isLost: boolean,
  lieAbout: (queue: string) => Lie,
): void => {
  const lanes = new Map<number, Lane>()
  const coming = new Map<number, Delivery>()
  /** Closed by us: what the client still says there is not passed on until it has said that it knows; nor the broker's. */
  const clientToLearn = new Set<number>()
  const brokerToLearn = new Set<number>()

  const give = (channel: number, lane: Lane, { tag, frames }: Delivery): void => {
    if (lanes.get(channel) !== lane) return
    const tagged = Buffer.from(frames[0]!)
    tagged.writeBigUInt64BE(++lane.lastTag, tagOffset(tagged))
    lane.tags.set(lane.lastTag, tag)
    near.write(Buffer.concat([tagged, ...frames.slice(1)]))
  }
  const settleAtBroker = (channel: number, tag: bigint): void => {
    const payload = Buffer.alloc(13)
    payload.writeUInt32BE(basicAck, 0)
    payload.writeBigUInt64BE(tag, 4)
    far.write(frameOf(methodFrame, channel, payload))
  }
  const release = (channel: number, lane: Lane, held: Lane['held'][number]): void => {
    clearTimeout(held.timer)
    lane.held.splice(lane.held.indexOf(held), 1)
    give(channel, lane, held.delivery)
  }
  const closeLane = (channel: number): void => {
    for (const { timer } of lanes.get(channel)?.held ?? []) clearTimeout(timer)
    lanes.delete(channel)
    coming.delete(channel)
  }

  const deliver = (channel: number, lane: Lane, delivery: Delivery): void => {
    lane.open.add(delivery.tag)
    const lie = lieAbout(lane.queue)
    switch (lie) {
      case 'drop':
        if (!isLost) break
        lane.open.delete(delivery.tag)
        settleAtBroker(channel, delivery.tag)
        break
      case 'kill_connection':
        near.destroy()
        return
      case 'kill_channel':
        closeLane(channel)
        clientToLearn.add(channel)
        brokerToLearn.add(channel)
        near.write(frameOf(methodFrame, channel, closing))
        far.write(frameOf(methodFrame, channel, closing))
        return
      case 'delay': {
        const held = { delivery, overtaken: 0, timer: setTimeout(() => release(channel, lane, held), heldMs) }
        lane.held.push(held)
        return
      }
      case 'duplicate':
        give(channel, lane, delivery)
        give(channel, lane, delivery)
        break
      case 'pass':
        give(channel, lane, delivery)
    }
    for (const held of [...lane.held]) if (++held.overtaken >= overtakenBy) release(channel, lane, held)
  }

  const fromBroker = (frame: Buffer): void => {
    const [type, channel, payload] = partsOf(frame)
    const name = type === methodFrame ? payload.readUInt32BE(0) : undefined
    if (brokerToLearn.has(channel)) {
      if (name === channelCloseOk) brokerToLearn.delete(channel)
      if (name === channelClose) far.write(frameOf(methodFrame, channel, closeOk)) // both closed it at once
      return
    }
    const delivery = coming.get(channel)
    if (delivery && type !== methodFrame) {
      delivery.frames.push(frame)
      delivery.bodyLeft = type === headerFrame ? Number(payload.readBigUInt64BE(4)) : delivery.bodyLeft - payload.length
      if (delivery.bodyLeft > 0) return
      coming.delete(channel)
      deliver(channel, lanes.get(channel)!, delivery)
      return
    }
    if (name === basicDeliver && lanes.has(channel)) {
      coming.set(channel, { tag: frame.readBigUInt64BE(tagOffset(frame)), frames: [frame], bodyLeft: Infinity })
      return
    }
    if (name === channelClose || name === channelCloseOk) closeLane(channel)
    near.write(frame)
  }

  const fromClient = (frame: Buffer): void => {
    const [type, channel, payload] = partsOf(frame)
    const name = type === methodFrame ? payload.readUInt32BE(0) : undefined
    if (clientToLearn.has(channel)) {
      if (name === channelCloseOk) clientToLearn.delete(channel)
      if (name === channelClose) near.write(frameOf(methodFrame, channel, closeOk)) // both closed it at once
      return
    }
    if (name === basicConsume) {
      const queue = payload.toString('utf8', 7, 7 + payload[6]!)
      if (lying(queue)) lanes.set(channel, { queue, lastTag: 0n, tags: new Map(), open: new Set(), held: [] })
    }
    const lane = lanes.get(channel)
    if (lane && (name === basicAck || name === basicReject || name === basicNack)) {
      const tag = payload.readBigUInt64BE(4)
      const isMultiple = name !== basicReject && (payload[12]! & 1) === 1
      for (const [given, own] of [...lane.tags]) {
        if (given !== tag && !(isMultiple && given < tag)) continue
        lane.tags.delete(given)
        if (!lane.open.delete(own)) continue
        const one = Buffer.from(payload)
        one.writeBigUInt64BE(own, 4)
        if (name !== basicReject) one[12] = one[12]! & ~1
        far.write(frameOf(methodFrame, channel, one))
      }
      return
    }
    if (name === channelClose) closeLane(channel)
    far.write(frame)
  }

  const protocolHeaderLength = 8
  eachFrame(far, fromBroker, 0)
  eachFrame(near, fromClient, protocolHeaderLength, (header) => far.write(header))
}

/** Type, channel, payload length, payload, end (AMQP 0-9-1, section 4.2.3). */
const frameOf = (type: number, channel: number, payload: Buffer): Buffer => {
  const frame = Buffer.alloc(payload.length + 8)
  frame.writeUInt8(type, 0)
  frame.writeUInt16BE(channel, 1)
  frame.writeUInt32BE(payload.length, 3)
  payload.copy(frame, 7)
  frame.writeUInt8(frameEnd, payload.length + 7)
  return frame
}

const partsOf = (frame: Buffer): [type: number, channel: number, payload: Buffer] => [
  frame[0]!,
  frame.readUInt16BE(1),
  frame.subarray(7, -1),
]

/** Where the delivery tag of a `basic.deliver` stands: behind class, method and the consumer tag. */
const tagOffset = (frame: Buffer): number => 7 + 4 + 1 + frame[11]!

/** 541, "internal error": what a broker in trouble says. */
const closing = (() => {
  const text = 'a lie'
  const payload = Buffer.alloc(4 + 2 + 1 + text.length + 4)
  payload.writeUInt32BE(channelClose, 0)
  payload.writeUInt16BE(541, 4)
  payload.writeUInt8(text.length, 6)
  payload.write(text, 7)
  return payload
})()
const closeOk = (() => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(channelCloseOk, 0)
  return payload
})()

/** Cuts what a socket brings into frames, after so many bytes that are none. */
const eachFrame = (
  socket: Socket,
  take: (frame: Buffer) => void,
  before: number,
  takeBefore: (bytes: Buffer) => void = () => undefined,
): void => {
  let rest: Buffer = Buffer.alloc(0)
  let left = before
  socket.on('data', (data: Buffer) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data])
    if (left > 0) {
      if (rest.length < left) return
      takeBefore(rest.subarray(0, left))
      rest = rest.subarray(left)
      left = 0
    }
    while (rest.length >= 7) {
      const length = rest.readUInt32BE(3) + 8
      if (rest.length < length) return
      const frame = rest.subarray(0, length)
      rest = rest.subarray(length)
      take(frame)
    }
  })
}
