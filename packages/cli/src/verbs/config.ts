import { existsSync, readdirSync } from 'node:fs'
import { loadConfiguration, OrchestratorSettings, type Configuration } from '@journey/contracts'
import { Fault, readSettings, ServerSettings, variablesOf, type Environment } from '@journey/runtime'
import type { Command } from 'commander'
import { failed } from '../exit.js'
import { tableOf } from '../output.js'
import type { Action } from '../program.js'

/** One value of the configuration and where it came from. */
export type Entry = { name: string; value: unknown; origin: string }

/** Tells with which settings the services of this folder would start. */
export const configVerbs = (program: Command, action: Action): void => {
  program
    .command('config')
    .description('the configuration of this folder')
    .command('print')
    .description('every value in effect and where it came from, secrets masked')
    .action(
      action(async ({ env, output }) => {
        const entries = await inEffect(env)
        if (output.json) output.value(entries)
        else
          output.line(
            tableOf(
              output.colours,
              ['NAME', 'VALUE', 'FROM'],
              entries.map(({ name, value, origin }) => [name, JSON.stringify(value), origin]),
            ),
          )
        return undefined
      }),
    )
}

/** @throws Stop failed, with every problem of the configuration */
const inEffect = async (env: Environment): Promise<Entry[]> => {
  try {
    const settings = readSettings(ServerSettings, env)
    const configuration = loadConfiguration(settings.configDir, env)
    const own = await serviceEntries(env)
    return [...settingEntries(settings, env), ...own, ...orchestratorEntries(configuration, settings.configDir)]
  } catch (error) {
    if (error instanceof Fault) throw failed(error.message)
    throw error
  }
}

/** What single services of this checkout are told beyond that, as far as they are built. */
const serviceEntries = async (env: Environment): Promise<Entry[]> => {
  const folder = new URL('../../../../services/', import.meta.url)
  const shared = new Set(variablesOf(ServerSettings).map(([, variable]) => variable))
  const entries = new Map<string, Entry>()
  for (const service of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const file = new URL(`${service}/dist/settings.js`, folder)
    if (!existsSync(file)) continue
    const found = Object.values((await import(file.href)) as Record<string, unknown>).find(isServerSettings)
    if (!found) continue
    for (const entry of entriesOf(found, readSettings(found, env), env))
      if (!shared.has(entry.name)) entries.set(entry.name, entry)
  }
  return [...entries.values()]
}

const isServerSettings = (value: unknown): value is new () => ServerSettings =>
  typeof value === 'function' && value.prototype instanceof ServerSettings

/** What is read from the environment alone, by the name of its variable. */
const settingEntries = (settings: Readonly<ServerSettings>, env: Environment): Entry[] => [
  ...entriesOf(ServerSettings, settings, env),
  ...entriesOf(OrchestratorSettings, readSettings(OrchestratorSettings, env), env).filter(
    ({ value }) => value !== undefined,
  ),
]

const entriesOf = <T extends object>(type: new () => T, settings: Readonly<T>, env: Environment): Entry[] =>
  variablesOf(type).map(([property, name]) => ({
    name,
    value: masked(name, settings[property as keyof T]) ?? null,
    origin: env[name] ? 'environment' : 'default',
  }))

/** What the files say, where the environment did not say otherwise, by its path. */
const orchestratorEntries = ({ orchestrator, catalog, overrides }: Configuration, folder: string): Entry[] => {
  const origins = new Map(overrides.map(({ path, variable }) => [path, `environment (${variable})`]))
  const stages = Object.fromEntries(
    catalog.stages.map(({ stage_id, duration_target_days }) => [
      stage_id,
      {
        duration_target_days,
        ...Object.fromEntries(catalog.gates[stage_id].map(({ check_id, parameters }) => [check_id, parameters])),
      },
    ]),
  )
  return [...leaves('orchestrator', orchestrator), ...leaves('stages', stages)].map(([name, value]) => ({
    name,
    value: masked(name, value),
    origin: origins.get(name) ?? folder,
  }))
}

const leaves = (path: string, value: unknown): [path: string, value: unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([name, inner]) => leaves(`${path}.${name}`, inner))
    : [[path, value]]

/** Hides what is a secret, whole or, in an address, its password. */
export const masked = (name: string, value: unknown): unknown => {
  if (typeof value !== 'string' || value === '') return value
  if (/(PASS|PASSWORD|SECRET|TOKEN|KEY)$/i.test(name)) return '***'
  return value.replace(/(:\/\/[^:/@\s]*:)[^@\s]*@/g, '$1***@')
}
