import { controlActions, hearingServices, pausableServices } from '@journey/contracts'
import { logLevels } from '@journey/runtime'
import { Option, type Command } from 'commander'
import type { ControlAction } from '../answers.js'
import { plain } from '../output.js'
import type { Action } from '../program.js'

type Options = { service?: string[]; reason?: string; logLevel?: string }

const does = {
  pause: 'end consuming until it is resumed; what is under way is finished',
  resume: 'go on consuming',
  reload: 'read the log level again, or log as much as --log-level says until the next reload',
} as const

/** Broadcasts to the services, for operators. */
export const controlVerbs = (program: Command, action: Action): void => {
  const control = program.command('control').description('broadcasts to every instance of the services')
  for (const name of controlActions) {
    const services = name === 'reload' ? hearingServices : pausableServices
    const verb = control
      .command(name)
      .description(does[name])
      .addOption(new Option('--service <name...>', 'only these; default: all').choices(services))
    const why = new Option('--reason <text>', 'why')
    verb.addOption(name === 'pause' ? why.makeOptionMandatory() : why)
    if (name === 'reload') verb.addOption(new Option('--log-level <level>', 'for now').choices(logLevels))
    verb.action(
      action(async ({ api, output }, { service, reason, logLevel: log_level }: Options) => {
        const said = await api.post<ControlAction>(`/control/${name}`, { services: service, reason, log_level })
        if (output.json) output.value(said)
        else {
          const whom = said.services?.join(', ') ?? 'all services'
          output.line(`${output.colours.green('✓')} ${name} broadcast to ${plain(whom)}`)
          output.line(output.colours.dim('journey-cli status --system shows what is paused'))
        }
        return undefined
      }),
    )
  }
}
