/**
 * Where in a stream an event with a given id may stand: of every event the first 32 bits of its id, by revision. Four bytes an
 * event is little enough to remember all of a stream's ids for good, in memory and in snapshots; a find is a place to look at,
 * no proof, though one id in four thousand million is mistaken for a given other.
 */
export class IdIndex {
  private marks: Uint32Array = new Uint32Array(0)
  private count = 0

  /** @param first revision of the first event that was added */
  constructor(private first = 0) {}

  /** Events are added in the order of the stream; a revision that was left out matches nothing but the id of all zeros. */
  add(revision: number, id: string): void {
    if (this.count === 0) this.first = revision
    const place = revision - this.first
    if (place >= this.marks.length) {
      const grown = new Uint32Array(Math.max(16, 2 * this.marks.length, place + 1))
      grown.set(this.marks.subarray(0, this.count))
      this.marks = grown
    }
    this.marks[place] = markOf(id)
    this.count = place + 1
  }

  /** The revisions at which the event may stand, in order. */
  *find(id: string): Generator<number, void, undefined> {
    const marks = this.marks.subarray(0, this.count)
    const mark = markOf(id)
    for (let place = marks.indexOf(mark); place !== -1; place = marks.indexOf(mark, place + 1)) yield this.first + place
  }

  get bytes(): number {
    return this.marks.byteLength
  }

  toJSON(): StoredIndex {
    const marks = Buffer.alloc(4 * this.count)
    for (let place = 0; place < this.count; place += 1) marks.writeUInt32BE(this.marks[place]!, 4 * place)
    return { first: this.first, marks: marks.toString('base64') }
  }

  static from({ first, marks: base64 }: StoredIndex): IdIndex {
    const stored = Buffer.from(base64, 'base64')
    const index = new IdIndex(first)
    index.count = stored.length / 4
    index.marks = Uint32Array.from({ length: index.count }, (_, place) => stored.readUInt32BE(4 * place))
    return index
  }
}

/** `marks`: four bytes an event, big-endian, in base64. */
export type StoredIndex = { first: number; marks: string }

const markOf = (id: string): number => Number.parseInt(id.slice(0, 8), 16) >>> 0
