import type { Command } from 'commander'
import type { Journey } from '../answers.js'
import { path, type Api } from '../api.js'
import { follow, unlessAway } from '../follow.js'
import type { Action } from '../program.js'
import { createStory } from '../story.js'
import { createWaiting } from '../waiting.js'

const pauseMs = 500

/** Shows a journey from its beginning and goes on until it is over, or Ctrl-C. */
export const watchVerb = (program: Command, action: Action): void => {
  program
    .command('watch')
    .description('show a journey live until it is over; Ctrl-C ends it')
    .requiredOption('--client-id <id>', 'the client')
    .action(
      action(async ({ api, output, signal }, { clientId }: { clientId: string }) => {
        const tell = createStory(output.colours)
        const waiting = createWaiting(api, clientId, output.colours)
        for await (const events of follow(api, clientId, { signal, pauseMs })) {
          for (const event of events)
            if (output.json) output.line(JSON.stringify(event))
            else for (const line of tell(event)) output.line(line)
          if (events.length > 0) continue
          if (!output.json) for (const line of (await unlessAway(waiting))?.news ?? []) output.line(line)
          if (await unlessAway(() => isOver(api, clientId))) return undefined
        }
        return undefined
      }),
    )
}

/** A later episode may follow an earlier one's end, so the journey itself is asked. */
const isOver = async (api: Api, clientId: string): Promise<boolean> => {
  const { status } = await api.get<Journey>(path`/journeys/${clientId}`)
  return status === 'completed' || status === 'cancelled'
}
