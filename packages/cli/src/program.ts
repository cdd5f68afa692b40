import { Command, CommanderError, Option } from 'commander'
import { addressOf, type Environment } from './address.js'
import { createApi, ProblemStop, type Api } from './api.js'
import { exitCodes, Stop, type ExitCode } from './exit.js'
import { createOutput, type Output } from './output.js'
import { agentVerbs } from './verbs/agents.js'
import { approvalVerbs } from './verbs/approvals.js'
import { archiveVerbs } from './verbs/archive.js'
import { configVerbs } from './verbs/config.js'
import { controlVerbs } from './verbs/control.js'
import { deadLetterVerbs } from './verbs/dead-letters.js'
import { journeyVerbs } from './verbs/journeys.js'
import { lookVerbs } from './verbs/look.js'
import { privacyVerbs } from './verbs/privacy.js'
import { replayVerbs } from './verbs/replay.js'
import { validateExitVerb } from './verbs/validate-exit.js'
import { watchVerb } from './verbs/watch.js'
import { workVerbs } from './verbs/works.js'

/** Everything of the outside that the command line touches. */
export type World = {
  env: Environment
  out: (text: string) => void
  err: (text: string) => void
  /** Whether `out` is a terminal. */
  isTerminal: boolean
  /** Where progress is drawn; undefined when that is no terminal. */
  terminal?: NodeJS.WritableStream | undefined
  /** The person at the keyboard; stands in the records for what they command. */
  user: string
  /** Of the program. */
  version: string
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
}

/** What a verb works with. */
export type Context = {
  api: Api
  output: Output
  env: Environment
  /** Where progress is drawn; undefined when that is no terminal. */
  terminal: NodeJS.WritableStream | undefined
  signal: AbortSignal
}

/** Makes a command's action of what a verb does; done unless it says otherwise. */
export type Action = <Options>(
  verb: (context: Context, options: Options) => Promise<ExitCode | undefined>,
) => (options: Options, command: Command) => Promise<void>

type Common = { api?: string; format: 'json' | 'table' }

/** Runs one command line to its end; never throws what a person could have caused. */
export const run = async (args: readonly string[], world: World): Promise<ExitCode> => {
  const seen: { exitCode: ExitCode; json: boolean } = { exitCode: exitCodes.done, json: false }
  const action: Action = (verb) => async (options, command) => {
    const { api: address, format } = command.optsWithGlobals<Common>()
    const json = format === 'json'
    seen.json = json
    const colour = world.isTerminal && !world.env.NO_COLOR && !json
    const output = createOutput({ json, colour, write: world.out })
    const api = () => createApi(addressOf(address, world.env), { actor: world.user, signal: world.signal })
    const context: Context = {
      // Not every verb talks to a server, so a wrong address is no trouble until one does.
      get api() {
        return api()
      },
      output,
      env: world.env,
      terminal: world.terminal,
      signal: world.signal,
    }
    seen.exitCode = (await verb(context, options)) ?? exitCodes.done
  }
  try {
    await programOf(action, world).parseAsync([...args], { from: 'user' })
    return seen.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (world.signal.aborted) return exitCodes.failed
    if (!(error instanceof Stop)) throw error
    world.err(
      seen.json && error instanceof ProblemStop
        ? `${JSON.stringify(error.problem, undefined, 2)}\n`
        : `${error.message}\n`,
    )
    return error.exitCode
  }
}

const programOf = (action: Action, world: World): Command => {
  const program = new Command('journey-cli')
    .description('Starts, steers and follows journeys of clients from Sandbox through Pilot to Production.')
    .version(world.version, '--version', 'the version of this checkout')
    .option('--api <url>', 'address of the API (JOURNEY_API_URL; default: the npm start of this folder)')
    .addOption(
      new Option('--format <format>', 'table for people, json for programs')
        .choices(['table', 'json'])
        .default('table'),
    )
    .configureOutput({ writeOut: world.out, writeErr: world.err })
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .addHelpText('after', '\nExit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 server not reachable')
  for (const add of [
    journeyVerbs,
    lookVerbs,
    validateExitVerb,
    workVerbs,
    agentVerbs,
    approvalVerbs,
    watchVerb,
    deadLetterVerbs,
    replayVerbs,
    archiveVerbs,
    privacyVerbs,
    controlVerbs,
    configVerbs,
  ])
    add(program, action)
  return program
}
