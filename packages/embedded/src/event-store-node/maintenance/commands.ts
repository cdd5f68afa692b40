import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { messageOf } from '@journey/runtime'
import { databaseFaultOf } from '../start-fault.js'
import { backup, restore } from './backup.js'
import { verify } from './verify.js'

/** More than that nobody reads. */
const mostShown = 200

type Place = { data?: string; database?: string }

/**
 * Adds `verify`, `backup` and `restore` to a command line.
 *
 * @param on runs a piece of work on the database that the options name
 */
export const addMaintenance = (
  program: Command,
  options: readonly (readonly [flags: string, description: string])[],
  on: (place: Place, work: (databaseUrl: string) => Promise<void>) => Promise<void>,
): void => {
  const add = (name: string, description: string): Command => {
    const command = program.command(name).description(description)
    for (const [flags, text] of options) command.option(flags, text)
    return command
  }
  const run = async (place: Place, work: (databaseUrl: string) => Promise<void>): Promise<void> => {
    try {
      await on(place, work)
    } catch (error) {
      console.error(`error: ${databaseFaultOf(error) ?? messageOf(error)}`)
      process.exitCode = 1
    }
  }
  const mustBeThere = ({ data }: Place): void => {
    if (data !== undefined && !existsSync(data)) program.error(`error: there is no folder ${data}`)
  }
  add('verify', 'walks every stream and tells of holes, wrong order and bad JSON; exits 1 when it found any').action(
    (place: Place) => {
      mustBeThere(place)
      return run(place, async (databaseUrl) => {
        let shown = 0
        const { events, streams, findings } = await verify(databaseUrl, ({ kind, message }) => {
          if (++shown <= mostShown) console.log(`${kind}: ${message}`)
        })
        if (findings > mostShown) console.log(`… and ${findings - mostShown} more`)
        console.log(`${events} events in ${streams} streams, ${findings} findings`)
        if (findings > 0) process.exitCode = 1
      })
    },
  )
  add('backup', 'writes all events into one file; the node may run meanwhile')
    .requiredOption('--to <file>', 'a file that is not there yet, such as events.jsonl.gz')
    .action((place: Place & { to: string }) => {
      mustBeThere(place)
      return run(place, async (databaseUrl) => {
        console.log(`${await backup(databaseUrl, place.to)} events written to ${place.to}`)
      })
    })
  add('restore', 'brings the events of a backup into an empty database or a new folder, where no node runs')
    .requiredOption('--from <file>', 'a file that backup wrote')
    .action((place: Place & { from: string }) =>
      run(place, async (databaseUrl) => {
        console.log(`${await restore(databaseUrl, place.from)} events restored`)
      }),
    )
}
