/**
 * PostgreSQL's binary form of one-dimensional arrays (`array_recv`). One parameter carries a whole column of a multi-row insert, so
 * that one prepared statement serves any number of rows, and bytes travel as they are.
 */
const binaryArray = (elementOid: number, elements: readonly Uint8Array[]): Buffer => {
  let size = 20
  for (const element of elements) size += 4 + element.length
  const buffer = Buffer.allocUnsafe(size)
  buffer.writeInt32BE(1, 0) // dimensions
  buffer.writeInt32BE(0, 4) // no nulls
  buffer.writeInt32BE(elementOid, 8)
  buffer.writeInt32BE(elements.length, 12)
  buffer.writeInt32BE(1, 16) // lower bound
  let at = 20
  for (const element of elements) {
    at = buffer.writeInt32BE(element.length, at)
    buffer.set(element, at)
    at += element.length
  }
  return buffer
}

export const bytesArray = (values: readonly Uint8Array[]): Buffer => binaryArray(17, values)

export const textArray = (values: readonly string[]): Buffer =>
  binaryArray(
    25,
    values.map((value) => Buffer.from(value)),
  )

export const booleanArray = (values: readonly boolean[]): Buffer =>
  binaryArray(
    16,
    values.map((value) => (value ? yes : no)),
  )

export const bigintArray = (values: readonly bigint[]): Buffer =>
  binaryArray(
    20,
    values.map((value) => {
      const bytes = Buffer.allocUnsafe(8)
      bytes.writeBigInt64BE(value)
      return bytes
    }),
  )

export const uuidArray = (values: readonly string[]): Buffer =>
  binaryArray(
    2950,
    values.map((value) => Buffer.from(value.replaceAll('-', ''), 'hex')),
  )

const yes = Uint8Array.of(1)
const no = Uint8Array.of(0)
