import { cpus, loadavg, totalmem } from 'node:os'

/** What a figure was measured on; the load tells how much of it others had. */
export const machine = () => ({
  cores: cpus().length,
  model: cpus()[0]?.model ?? 'unknown',
  memory_mib: Math.round(totalmem() / 1024 ** 2),
  node: process.version,
  load_average: loadavg().map((load) => Number(load.toFixed(2))),
})
