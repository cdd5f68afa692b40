// CPU time and peak memory of process trees, from Linux' /proc (proc(5)).
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

const reading = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it has ended
  }
}

/** Of every process: its parent, and the CPU seconds of itself and of the children it has waited for. */
const processes = () => {
  const all = new Map()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = reading(pid, 'stat')
    // Behind the name, which may hold anything: state, parent (fields 3 and 4), …, utime, stime, cutime, cstime (14 to 17).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    if (stat) all.set(Number(pid), { parent: Number(fields[1]), cpuSeconds: ticks / ticksPerSecond })
  }
  return all
}

const treeOf = (root, all) => {
  const tree = [root]
  for (const pid of tree) for (const [child, { parent }] of all) if (parent === pid) tree.push(child)
  return tree.filter((pid) => all.has(pid))
}

/**
 * The highest resident memory of a tree in MiB: the peaks of its processes added up, with what they share counted once
 * (PostgreSQL's processes all show the shared buffers and the program as their own).
 */
const peakOf = (tree) => {
  const kib = (status, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  const all = tree.map((pid) => {
    const status = reading(pid, 'status')
    const shared = kib(status, 'RssShmem') + kib(status, 'RssFile')
    return { own: kib(status, 'VmHWM') - shared, shared }
  })
  const own = all.reduce((sum, one) => sum + one.own, 0)
  return (own + Math.max(0, ...all.map(({ shared }) => shared))) / 1024
}

/** CPU seconds so far and peak memory of each of these processes with all its children, by name. */
export const usageOf = (pids) => {
  const all = processes()
  return new Map(
    [...pids].map(([name, pid]) => {
      const tree = treeOf(pid, all)
      const cpuSeconds = tree.reduce((sum, one) => sum + all.get(one).cpuSeconds, 0)
      return [name, { cpuSeconds, peakMib: peakOf(tree) }]
    }),
  )
}
