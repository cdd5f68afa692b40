import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where everything of a running stack listens; URLs carry credentials where one needs them. */
export type Endpoints = {
  /** Null when the API was not asked for. */
  api: string | null
  amqp: string
  /** Null for an outside broker whose management API was not named. */
  amqp_management: string | null
  database: string
  event_store: string
  /** Holds the bearer token of the API; null while authentication is off or the token came from the environment. */
  token_file: string | null
  /** The base of `/health`, `/ready` and `/metrics` of each process. */
  services: Record<string, string>
}

const fileIn = (stateDir: string): string => join(stateDir, 'endpoints.json')

/** Replaces the file at once, so that a reader never sees half of it; only its owner may read it. */
export const writeEndpoints = (stateDir: string, endpoints: Endpoints): void => {
  mkdirSync(stateDir, { recursive: true })
  const written = `${fileIn(stateDir)}.${process.pid}`
  writeFileSync(written, `${JSON.stringify(endpoints, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(written, fileIn(stateDir))
}

export const removeEndpoints = (stateDir: string): void => rmSync(fileIn(stateDir), { force: true })

/** The endpoints of the stack that runs from this folder; undefined when none does. */
export const readEndpoints = (stateDir: string): Endpoints | undefined => {
  try {
    return JSON.parse(readFileSync(fileIn(stateDir), 'utf8')) as Endpoints
  } catch {
    return undefined
  }
}
