import type { Command } from 'commander'
import type { Encryption, Erasure } from '../answers.js'
import { path } from '../api.js'
import { exitCodes, wrongUsage } from '../exit.js'
import { moment, plain, tableOf } from '../output.js'
import type { Action } from '../program.js'

/** Erasing clients, and rotating the key that all data keys lie under. */
export const privacyVerbs = (program: Command, action: Action): void => {
  program
    .command('erase')
    .description('destroy the data key of a client: first tells what would go, then does it with --confirm')
    .requiredOption('--client-id <id>', 'the client')
    .option('--reason <text>', 'why; kept with who asked and who confirmed')
    .option('--confirm <token>', 'what the first call gave: now it goes, for good')
    .action(
      action(async ({ api, output }, { clientId, reason, confirm }: EraseOptions) => {
        if ((reason === undefined) === (confirm === undefined))
          throw wrongUsage('Give --reason to see what would go, and then --confirm with what that gave')
        const erasure = await api.post<Erasure>(
          path`/clients/${clientId}/erasure`,
          confirm === undefined ? { reason } : { confirm },
        )
        if (output.json) output.value(erasure)
        else if (confirm === undefined) {
          output.line(`Nothing is gone yet. Of ${plain(clientId)} this would take away, for good:`)
          output.line(countsIn(erasure.removes))
          if (erasure.events_in_clear)
            output.line(
              `${erasure.events_in_clear} events were stored before encryption was on: they are shown to nobody, but stay readable on the disk`,
            )
          output.line(
            `To do it before ${moment(erasure.confirm_until ?? null)}: journey-cli erase --client-id=${plain(clientId)} --confirm=${erasure.confirm ?? ''}`,
          )
        } else {
          output.line(`Erased: ${plain(clientId)}`)
          output.line(countsIn(erasure.removed))
        }
        return exitCodes.done
      }),
    )

  const encryption = program.command('encryption').description('whether content is sealed, and the rotation of its key')

  encryption
    .command('show')
    .description('how many data keys lie under which master key')
    .action(
      action(async ({ api, output }) => {
        const now = await api.get<Encryption>('/encryption')
        if (output.json) {
          output.value(now)
          return undefined
        }
        output.line(now.master_key === null ? 'off: nothing is sealed' : `on, with master key ${now.master_key}`)
        if (now.data_keys.length > 0)
          output.line(
            tableOf(
              output.colours,
              ['MASTER KEY', 'DATA KEYS', ''],
              now.data_keys.map(({ master_key, known, count }) => [
                master_key,
                String(count),
                known ? (master_key === now.master_key ? 'present' : 'old') : 'unknown: add it to the old keys',
              ]),
            ),
          )
        if (now.destroyed > 0) output.line(`${now.destroyed} data keys were destroyed`)
        return undefined
      }),
    )

  encryption
    .command('rotate')
    .description('wrap all data keys with the present master key; may be broken off and repeated')
    .action(
      action(async ({ api, output, signal }) => {
        let done = 0
        for (;;) {
          const { rewrapped, left } = await api.post<{ rewrapped: number; left: number }>('/encryption/rotation', {})
          done += rewrapped
          if (left > 0 && rewrapped > 0 && !signal.aborted) continue
          if (output.json) output.value({ rewrapped: done, left })
          else
            output.line(
              left === 0
                ? `${done} data keys rewrapped, none is left: the old master keys may go`
                : `${done} data keys rewrapped, ${left} are left under other master keys: journey-cli encryption show`,
            )
          return left === 0 ? exitCodes.done : exitCodes.failed
        }
      }),
    )
}

type EraseOptions = { clientId: string; reason?: string; confirm?: string }

const countsIn = (counts: Readonly<Record<string, number>> | null | undefined): string => {
  const some = Object.entries(counts ?? {}).filter(([, count]) => count > 0)
  return some.length === 0
    ? '  nothing'
    : some.map(([what, count]) => `  ${what.replaceAll('_', ' ')}: ${count}`).join('\n')
}
