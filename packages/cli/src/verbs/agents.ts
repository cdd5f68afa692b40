import type { Command } from 'commander'
import type { Agent } from '../answers.js'
import { exitCodes } from '../exit.js'
import { moment, tableOf } from '../output.js'
import type { Action } from '../program.js'

/** Tells which agents there are, and by its exit code whether one of them could take a task. */
export const agentVerbs = (program: Command, action: Action): void => {
  program
    .command('check-agents')
    .description('registered agents and when they were last heard of; 1 when none is alive')
    .option('--intent <name>', 'only those that offer it')
    .action(
      action(async ({ api, output }, { intent }: { intent?: string }) => {
        const agents = await api.all<Agent>('/agents', { intent })
        const isAlive = agents.some(({ alive }) => alive)
        if (output.json) output.value(agents)
        else if (agents.length === 0)
          output.line(intent === undefined ? 'No agent is registered' : `No agent offers ${intent}`)
        else {
          output.line(
            tableOf(
              output.colours,
              ['AGENT', 'ALIVE', 'LAST HEARD', 'TASKS', 'INTENTS'],
              agents.map(({ agent_id, alive, last_heartbeat, active_tasks, intents }) => [
                agent_id,
                alive ? 'yes' : 'no',
                moment(last_heartbeat),
                String(active_tasks ?? '–'),
                intents.join(', '),
              ]),
            ),
          )
          if (!isAlive) output.line('None of them is alive')
        }
        return isAlive ? exitCodes.done : exitCodes.failed
      }),
    )
}
