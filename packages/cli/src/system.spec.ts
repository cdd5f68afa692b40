import { expect } from 'chai'
import pc from 'picocolors'
import type { Stats } from './answers.js'
import { moment } from './output.js'
import { systemLines } from './system.js'

const unknown = { status: 'unknown', reason: 'PostgreSQL is away' } as const

/** What a system tells whose broker told of its queues at some moment, and of which nothing else is known. */
const statsAsOf = (askedAt: string): Stats => ({
  at: '2026-01-27T10:00:30.000Z',
  servers: unknown,
  services: unknown,
  journeys: unknown,
  rates: unknown,
  lags: [
    {
      consumer: 'projector',
      queue: 'projector.events.0',
      events: 7,
      at_least: false,
      seconds: null,
      consumers: 1,
      reason: 'PostgreSQL is away',
    },
  ],
  critical_time: unknown,
  queues: { status: 'known', asked_at: askedAt, items: [] },
  retries: unknown,
  parked: unknown,
  dead_letters: unknown,
  jobs: unknown,
  replays: unknown,
  order: unknown,
  paused: unknown,
  breakers: unknown,
})

const lines = (stats: Stats) => systemLines(pc.createColors(false), stats)

describe('the state of the system, for people', () => {
  it('says as of when queues and lags are, once the broker is too busy to tell anew', () => {
    const old = '2026-01-27T10:00:05.000Z'
    expect(lines(statsAsOf(old))).to.include.members([
      `Lag  as of ${moment(old)}`,
      `Queues that hold messages  as of ${moment(old)}`,
    ])
    expect(lines(statsAsOf('2026-01-27T10:00:28.000Z'))).to.include.members(['Lag', 'Queues that hold messages'])
  })

  it('says why something is not known, and shows the rest', () => {
    const shown = lines(statsAsOf('2026-01-27T10:00:28.000Z'))
    expect(shown).to.include('parked streams   unknown: PostgreSQL is away')
    expect(shown.find((line) => line.startsWith('projector '))).to.match(
      /projector\.events\.0 +7 +\? +1 +PostgreSQL is away/,
    )
  })
})
