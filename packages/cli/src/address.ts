import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { wrongUsage } from './exit.js'

/** Where the API is, and the token it asks for. */
export type Address = { url: string; token?: string }

export type Environment = Readonly<Record<string, string | undefined>>

/** What a running `npm start` says of itself (CONTRACT.md section 4). */
export type Endpoints = {
  api: string | null
  amqp: string
  token_file: string | null
}

/**
 * The address that was named, else that of the `npm start` that runs from this folder, else the default one. The token is
 * `JOURNEY_API_TOKEN`, else the one the running `npm start` has made.
 *
 * @throws Stop wrong usage, for an address that is none
 */
export const addressOf = (named: string | undefined, env: Environment): Address => {
  const given = named ?? nonEmpty(env.JOURNEY_API_URL)
  const running = given === undefined ? readEndpoints(nonEmpty(env.JOURNEY_STATE_DIR) ?? '.journey') : undefined
  const url = (given ?? running?.api ?? 'http://127.0.0.1:8080').replace(/\/+$/, '')
  if (!URL.canParse(url) || !/^https?:/.test(url)) throw wrongUsage(`${url} is no address: http://host:port is one`)
  const token = nonEmpty(env.JOURNEY_API_TOKEN) ?? (running && tokenOf(running))
  return { url, ...(token !== undefined && { token }) }
}

/** The token that a running `npm start` made; undefined while it asks for none. */
export const tokenOf = ({ token_file }: Pick<Endpoints, 'token_file'>): string | undefined => {
  if (token_file === null) return undefined
  try {
    return nonEmpty(readFileSync(token_file, 'utf8').trim())
  } catch {
    return undefined // stopped in between: the server will say that it wants one
  }
}

const readEndpoints = (stateDir: string): Endpoints | undefined => {
  try {
    return JSON.parse(readFileSync(join(stateDir, 'endpoints.json'), 'utf8')) as Endpoints
  } catch {
    return undefined // nothing runs from here
  }
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text)
