import { exchanges } from '@journey/contracts'
import { createConnection, createPublisher } from '@journey/messaging'
import { silentLog } from '@journey/runtime'
import { tokenOf, type Endpoints } from './address.js'
import type { HistoryEvent, Journey } from './answers.js'
import { createApi, path, ProblemStop, type Api } from './api.js'
import { failed } from './exit.js'
import { follow, unlessAway } from './follow.js'
import { createOutput, duration, type Output } from './output.js'
import { createStory } from './story.js'
import { createWaiting } from './waiting.js'

export type DemoOptions = {
  /** What the running stack says of itself. */
  endpoints: Endpoints
  /** The story is told in lines; in colours on a terminal, unless NO_COLOR was set for the caller. */
  out: { write(text: string): unknown; isTTY?: boolean | undefined }
  /** Ends the telling; the journey goes on by itself. */
  signal: AbortSignal
  colour?: boolean
}

/** Whether production's set-up was seen to be done, and how long the journey took until then. */
export type DemoResult = { done: boolean; seconds: number | null }

const clientId = 'demo-client'
const pauseMs = 300
/** Nothing new for so long, while somebody must act, is no demo any more. */
const patienceMs = 15_000

/**
 * Shows one journey of a made-up client, from the command on the bus to the end of production's set-up. It starts one only
 * where the client never had one; else it tells where that stands and goes on from there.
 *
 * @throws Stop when the API or the bus stays away
 */
export const runDemo = async ({ endpoints, out, signal, colour }: DemoOptions): Promise<DemoResult> => {
  const output = createOutput({
    json: false,
    colour: colour ?? out.isTTY === true,
    write: (text) => void out.write(text),
  })
  const { bold, dim } = output.colours
  if (endpoints.api === null) throw failed('The demo is told by the API, and that does not run')
  const token = tokenOf(endpoints)
  const api = createApi({ url: endpoints.api, ...(token !== undefined && { token }) }, { actor: 'demo', signal })

  const found = await journeyOf(api)
  if (found && (await isShown(api, found))) {
    output.line(`${bold(clientId)} was brought through before: ${found.current_stage}, ${found.status}`)
    output.line(dim(`  journey-cli history --client-id="${clientId}"`))
    return { done: true, seconds: null }
  }
  if (found) output.line(`${bold(clientId)} is under way in ${bold(found.current_stage)}; it goes on:`)
  else {
    await publishStart(endpoints.amqp)
    output.line(`${bold('journey.start')} for ${bold(clientId)} is on the bus`)
  }
  try {
    return await tell(api, output, found?.episode ?? 1, signal)
  } catch (error) {
    if (signal.aborted) return { done: false, seconds: null }
    throw error
  }
}

const journeyOf = async (api: Api): Promise<Journey | undefined> => {
  try {
    return await api.get<Journey>(path`/journeys/${clientId}`)
  } catch (error) {
    if (error instanceof ProblemStop && error.problem.code === 'journey/unknown') return undefined
    throw error
  }
}

type Work = { kind: string; status: string; episode: number }

/** Whether there is nothing left of the journey that the demo would show. */
const isShown = async (api: Api, { status, episode, stage }: Journey): Promise<boolean> => {
  if (status === 'completed' || status === 'cancelled') return true
  if (stage !== 'production') return false
  const works = await api.all<Work>(path`/journeys/${clientId}/units-of-work`, { stage })
  return works.some((work) => work.kind === 'setup' && work.episode === episode && work.status === 'completed')
}

/** The id says what it is for, so that a start published twice starts one journey. */
const publishStart = async (amqp: string): Promise<void> => {
  const connection = createConnection({ url: amqp, name: 'demo', log: silentLog() })
  const publisher = createPublisher({ connection, timeoutMs: 10_000 })
  try {
    await connection.start()
    const command = {
      command_id: `${clientId}/start`,
      command_type: 'journey.start',
      timestamp: new Date().toISOString(),
      source: 'demo',
      data: { client_id: clientId, data_sources: ['salesforce', 'jira', 'confluence'] },
      metadata: { actor: { type: 'user', id: 'demo' } },
    }
    await publisher.publish(exchanges.commands.name, command.command_type, Buffer.from(JSON.stringify(command)), {
      messageId: command.command_id,
    })
  } finally {
    await connection.stop()
  }
}

const tell = async (api: Api, output: Output, episode: number, signal: AbortSignal): Promise<DemoResult> => {
  const { colours } = output
  const story = createStory(colours)
  const waiting = createWaiting(api, clientId, colours)
  const asked = new Map<string, Asked>()
  let startedAt: string | undefined
  let lastEventAt = Date.now()
  for await (const events of follow(api, clientId, { signal, pauseMs, isExpected: true })) {
    for (const event of events) {
      for (const line of story(event)) output.line(line)
      note(event, asked)
      if (event.event_type === 'journey.started') startedAt = event.timestamp
      const end = event.data.episode === episode ? endOf(event) : undefined
      if (end === undefined) continue
      const ms = Date.parse(event.timestamp) - Date.parse(startedAt ?? event.timestamp)
      output.line(
        end === 'done' ? colours.bold(`${clientId} is in production, all set up, after ${duration(ms)}`) : end,
      )
      return { done: end === 'done', seconds: ms / 1000 }
    }
    if (events.length > 0) {
      lastEventAt = Date.now()
      continue
    }
    const { news, isWaiting } = (await unlessAway(waiting)) ?? { news: [], isWaiting: false }
    for (const line of news) output.line(line)
    const open = [...asked.values()].filter(({ isMeasured }) => isMeasured)
    for (const one of open) await unlessAway(() => approve(api, one))
    if (open.length > 0 || !isWaiting || Date.now() - lastEventAt < patienceMs) continue
    output.line(`Nothing happens until somebody acts. The demo ends here; ${clientId} waits`)
    return { done: false, seconds: null }
  }
  return { done: false, seconds: null }
}

/** A decision that was asked for; it is given once everything else of its gate was measured, so that one sees it being waited for. */
type Asked = { work_id: string; task_id: string; isMeasured: boolean }

const note = ({ event_type, data }: HistoryEvent, asked: Map<string, Asked>): void => {
  const { work_id, task_id } = data as { work_id: string; task_id: string }
  if (event_type === 'approval.requested') asked.set(`${work_id} ${task_id}`, { work_id, task_id, isMeasured: false })
  if (event_type === 'approval.decided') asked.delete(`${work_id} ${task_id}`)
  if (event_type === 'journey.exit_criteria_evaluated') for (const one of asked.values()) one.isMeasured = true
}

/** Somebody else may have decided in between. */
const approve = async (api: Api, { work_id, task_id }: Asked): Promise<void> => {
  try {
    await api.post(
      path`/approvals/${work_id}/${task_id}`,
      { decision: 'approve', comment: 'given by the demo' },
      { wait: 10 },
    )
  } catch (error) {
    if (!(error instanceof ProblemStop) || error.problem.status !== 409) throw error
  }
}

/** What ends the story: production's set-up, or the end of the journey. */
const endOf = ({ event_type, data }: HistoryEvent): string | undefined => {
  if (event_type === 'unit_of_work.completed' && data.kind === 'setup' && data.stage === 'production') return 'done'
  if (event_type === 'journey.cancelled') return 'The journey was cancelled; the demo ends here'
  return event_type === 'journey.completed' ? 'done' : undefined
}
