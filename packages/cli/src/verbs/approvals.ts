import type { Command } from 'commander'
import { path } from '../api.js'
import type { Action } from '../program.js'
import { tellCommand } from './commanding.js'

/** Gives the decisions that people are asked for. */
export const approvalVerbs = (program: Command, action: Action): void => {
  for (const decision of ['approve', 'reject'] as const)
    program
      .command(decision)
      .description(`${decision} what a person was asked for (journey-cli status tells unit of work and task)`)
      .requiredOption('--work-id <id>', 'the unit of work')
      .requiredOption('--task <id>', 'the task')
      .option('--comment <text>', 'why')
      .action(
        action(async (context, { workId, task, comment }: { workId: string; task: string; comment?: string }) =>
          tellCommand(
            context,
            `${task}: ${decision === 'approve' ? 'approved' : 'rejected'}`,
            path`/approvals/${workId}/${task}`,
            {
              decision,
              comment,
            },
          ),
        ),
      )
}
