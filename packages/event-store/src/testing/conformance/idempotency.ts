import { randomUUID } from 'node:crypto'
import type { AppendExpectedRevision, JSONEventData } from '@eventstore/db-client'
import { expect } from 'chai'
import { anEvent, brief, errorOf, freshStream, ways, type Given } from './given.js'

type State = 'never written' | 'only metadata' | 'a b c' | 'soft-deleted' | 'tombstoned'

/** One row of the table: what is sent where, and what comes of it: the revision answered, or why not. */
type Row = [
  state: State,
  expected: AppendExpectedRevision,
  ids: string,
  answer: bigint | 'wrong' | 'deleted',
  then?: string,
]

/** The letters are ids: a, b and c are in the stream, x and y are not. */
const table: Row[] = [
  ['never written', 'any', 'x', 0n, 'x'],
  ['never written', 'any', 'xx', 1n, 'xx'],
  ['never written', 'no_stream', 'xy', 1n, 'xy'],
  ['never written', 'stream_exists', 'x', 'wrong'],
  ['never written', 0n, 'x', 'wrong'],
  ['only metadata', 'stream_exists', 'x', 0n, 'x'],
  ['only metadata', 'no_stream', 'x', 0n, 'x'],
  ['a b c', 'any', 'x', 3n, 'abcx'],
  ['a b c', 'any', 'abc', 2n, 'abc'],
  ['a b c', 'any', 'ba', 0n, 'abc'],
  ['a b c', 'any', 'c', 2n, 'abc'],
  ['a b c', 'any', 'ax', 'wrong', 'abc'],
  ['a b c', 'any', 'xa', 4n, 'abcxa'],
  ['a b c', 'stream_exists', 'b', 1n, 'abc'],
  ['a b c', 'stream_exists', 'x', 3n, 'abcx'],
  ['a b c', 'stream_exists', 'bx', 'wrong', 'abc'],
  ['a b c', 'no_stream', 'abc', 2n, 'abc'],
  ['a b c', 'no_stream', 'ab', 1n, 'abc'],
  ['a b c', 'no_stream', 'ba', 'wrong', 'abc'],
  ['a b c', 'no_stream', 'abx', 'wrong', 'abc'],
  ['a b c', 'no_stream', 'x', 'wrong', 'abc'],
  ['a b c', 'no_stream', '', 'wrong', 'abc'],
  ['a b c', 2n, 'x', 3n, 'abcx'],
  ['a b c', 2n, 'a', 3n, 'abca'],
  ['a b c', 0n, 'bc', 2n, 'abc'],
  ['a b c', 0n, 'b', 1n, 'abc'],
  ['a b c', 0n, 'c', 'wrong', 'abc'],
  ['a b c', 1n, 'cx', 'wrong', 'abc'],
  ['a b c', 1n, '', 'wrong', 'abc'],
  ['a b c', 3n, 'x', 'wrong', 'abc'],
  ['a b c', 'any', '', 2n, 'abc'],
  ['a b c', 2n, '', 2n, 'abc'],
  ['soft-deleted', 'any', 'x', 3n, 'x'],
  ['soft-deleted', 'any', 'a', 0n, 'gone'],
  ['soft-deleted', 'any', 'ax', 'wrong', 'gone'],
  ['soft-deleted', 'any', '', 2n, ''],
  ['soft-deleted', 'no_stream', 'x', 3n, 'x'],
  ['soft-deleted', 'no_stream', 'ab', 1n, 'gone'],
  ['soft-deleted', 'no_stream', 'ax', 'wrong', 'gone'],
  ['soft-deleted', 'no_stream', '', 'wrong', 'gone'],
  ['soft-deleted', 'stream_exists', 'x', 'deleted', 'gone'],
  ['soft-deleted', 2n, 'x', 3n, 'x'],
  ['soft-deleted', 2n, '', 2n, ''],
  ['soft-deleted', 0n, 'bc', 2n, 'gone'],
  ['soft-deleted', 0n, 'x', 'wrong', 'gone'],
  ...(['any', 'no_stream', 'stream_exists', 2n] as const).map((expected): Row => [
    'tombstoned',
    expected,
    'x',
    'deleted',
  ]),
]

/** Every row of the table of expected revisions and repeated ids, for both ways to append (esdb-protocol.md, 3.3). */
export const idempotency = ({ client }: Given): void => {
  const given = async (state: State): Promise<{ stream: string; byLetter: (letters: string) => JSONEventData[] }> => {
    const stream = freshStream('idempotency')
    const ids = Object.fromEntries(Array.from('abcxy', (letter) => [letter, randomUUID()]))
    const byLetter = (letters: string) => Array.from(letters, (letter) => anEvent(letter, ids[letter]))
    if (state === 'only metadata') await client().setStreamMetadata(stream, { owner: 'dana' })
    else if (state !== 'never written') await client().appendToStream(stream, byLetter('abc'))
    if (state === 'soft-deleted') await client().deleteStream(stream)
    if (state === 'tombstoned') await client().tombstoneStream(stream)
    return { stream, byLetter }
  }
  const lettersOf = async (stream: string): Promise<string> => {
    const labels = await brief(client().readStream(stream)).catch((error: unknown) => error as Error)
    return Array.isArray(labels) ? labels.map((label) => label.split('#')[0]).join('') : 'gone'
  }
  const names = { wrong: 'WrongExpectedVersionError', deleted: 'StreamDeletedError' }

  describe('deciding on appends whose ids may be known', () => {
    for (const [way, options] of Object.entries(ways))
      for (const [state, expectedRevision, ids, answer, then = 'gone'] of table)
        it(`${way}, to a stream that is ${state}, expecting ${expectedRevision}: [${Array.from(ids).join()}] → ${answer}`, async () => {
          const { stream, byLetter } = await given(state)
          const call = client().appendToStream(stream, byLetter(ids), { ...options, expectedRevision })
          if (typeof answer === 'bigint') expect((await call).nextExpectedRevision).to.equal(answer)
          else expect((await errorOf(call)).name).to.equal(names[answer])
          expect(await lettersOf(stream)).to.equal(then)
        })
  })
}
