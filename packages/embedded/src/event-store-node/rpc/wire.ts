/** The parts of protobuf's encoding (protobuf.dev, "Encoding") that messages written or read by hand are made of. */

const varintType = 0
const bytesType = 2

/** A message that is not protobuf. */
export class Unreadable extends Error {}

/** Walks over the fields of a message, in the order they come: `next`, then what the field holds. */
export class Fields {
  /** The field's number. */
  field = 0
  #type = 0
  #start = 0
  #next: number

  constructor(
    private readonly bytes: Buffer,
    start = 0,
    private readonly end = bytes.length,
  ) {
    this.#next = start
  }

  /** @throws Unreadable */
  next(): boolean {
    if (this.#next >= this.end) return false
    const tag = this.#length()
    this.field = tag >>> 3
    this.#type = tag & 7
    this.#start = this.#next
    if (this.#type === varintType) this.#passVarint()
    else if (this.#type === bytesType) {
      const length = this.#length()
      this.#start = this.#next
      this.#next += length
    } else if (this.#type === 1) this.#next += 8
    else if (this.#type === 5) this.#next += 4
    else throw new Unreadable(`wire type ${this.#type}`)
    if (this.field === 0 || this.#next > this.end) throw new Unreadable('cut off')
    return true
  }

  /** The field's bytes; they share the message's memory. */
  get value(): Buffer {
    this.#expect(bytesType)
    return this.bytes.subarray(this.#start, this.#next)
  }

  get text(): string {
    this.#expect(bytesType)
    return this.bytes.toString('utf8', this.#start, this.#next)
  }

  /** The message in the field. */
  get fields(): Fields {
    this.#expect(bytesType)
    return new Fields(this.bytes, this.#start, this.#next)
  }

  /** An unsigned number of 64 bits. */
  get number(): bigint {
    this.#expect(varintType)
    let at = this.#start
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.bytes[at++] ?? 0
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return BigInt(low)
    }
    let value = BigInt(low)
    for (let shift = 28n; ; shift += 7n) {
      const byte = this.bytes[at++] ?? 0
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
  }

  #expect(type: number): void {
    if (this.#type !== type) throw new Unreadable(`field ${this.field} has wire type ${this.#type}`)
  }

  #passVarint(): void {
    for (let size = 0; size < 10; size++) if (this.#byte() < 0x80) return
    throw new Unreadable('a number beyond 64 bits')
  }

  #byte(): number {
    const byte = this.bytes[this.#next++]
    if (byte === undefined) throw new Unreadable('cut off')
    return byte
  }

  /** A tag or a length: 32 bits. */
  #length(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new Unreadable('a length beyond 32 bits')
  }
}

/** The size of a field that holds so many bytes; all field numbers here fit one byte. */
export const fieldSize = (length: number): number => 1 + varintSize(length) + length

export const varintSize = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5

export const writeVarint = (out: Buffer, at: number, value: number): number => {
  while (value >= 0x80) {
    out[at++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  out[at++] = value
  return at
}

const small = 2n ** 31n

export const bigVarintSize = (value: bigint): number => {
  if (value < small) return varintSize(Number(value))
  let size = 1
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) size++
  return size
}

export const writeBigVarint = (out: Buffer, at: number, value: bigint): number => {
  for (; value >= small; value >>= 7n) out[at++] = Number(value & 0x7fn) | 0x80
  return writeVarint(out, at, Number(value))
}

/** A field that holds a number. */
export const writeNumber = (out: Buffer, at: number, field: number, value: bigint): number => {
  out[at] = (field << 3) | varintType
  return writeBigVarint(out, at + 1, value)
}

/** The beginning of a field that holds so many bytes. */
export const writeHead = (out: Buffer, at: number, field: number, length: number): number => {
  out[at] = (field << 3) | bytesType
  return writeVarint(out, at + 1, length)
}

export const writeBytes = (out: Buffer, at: number, field: number, bytes: Uint8Array): number => {
  const start = writeHead(out, at, field, bytes.length)
  out.set(bytes, start)
  return start + bytes.length
}
