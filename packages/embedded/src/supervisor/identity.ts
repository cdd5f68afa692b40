import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** One process of this machine, told from a later one with the same number by when it began. */
export type Identity = { pid: number; begun: string }

/** The identity of a living process; undefined when there is none (a zombie has ended and counts as none). */
export const identityOf = (pid: number): Identity | undefined => {
  const begun = process.platform === 'linux' ? begunOnLinux(pid) : begunByPs(pid)
  return begun === undefined ? undefined : { pid, begun }
}

/** Whether this very process still lives. */
export const isAlive = (identity: Identity): boolean => identityOf(identity.pid)?.begun === identity.begun

/** Boot id and start time in clock ticks (proc(5): /proc/[pid]/stat, fields 3 and 22; the name before them may hold anything). */
const begunOnLinux = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${bootId()}/${fields[19] ?? ''}`
  } catch {
    return undefined
  }
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

const begunByPs = (pid: number): string | undefined => {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}

/** The program and arguments of a living process, in one string; empty when there is none. */
export const commandLineOf = (pid: number): string => {
  try {
    return execFileSync('ps', ['-o', 'args=', '-ww', '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}
