import { until, type System } from './system.js'

let count = 0
/** A client that no other spec knows. */
export const freshClient = (prefix = 'client'): string => `${prefix}-${process.pid}-${++count}`

/** What journeys of specs bring along: an approval is given at once. */
export const approved = { auto_approve: true }

export const start = (system: System, client_id: string, parameters: object = approved) =>
  system.bus.command('journey.start', { client_id, data_sources: ['salesforce', 'jira', 'confluence'], parameters })

export const journeyOf = async (system: System, client_id: string) => (await system.get(`/journeys/${client_id}`)).body

/** Waits until a journey is as wanted; the answer is the journey. */
export const untilJourney = (
  system: System,
  client_id: string,
  what: string,
  isSo: (journey: any) => boolean,
  limitMs?: number,
) =>
  until(
    `the journey of ${client_id} ${what}`,
    async () => {
      const journey = await journeyOf(system, client_id)
      return isSo(journey) && journey
    },
    limitMs,
  )

export const worksOf = async (system: System, client_id: string, stage?: string): Promise<any[]> =>
  (await system.get(`/journeys/${client_id}/units-of-work${stage === undefined ? '' : `?stage=${stage}`}`)).body.items

/** Set up for good: in production, with its set-up completed. */
export const untilSetUp = (system: System, client_id: string, limitMs?: number) =>
  until(
    `${client_id} is set up in production`,
    async () => {
      const works = await worksOf(system, client_id, 'production')
      return works.some(({ kind, status }) => kind === 'setup' && status === 'completed')
    },
    limitMs,
  )

export const historyOf = async (system: System, client_id: string): Promise<any[]> =>
  (await system.get(`/journeys/${client_id}/history?limit=500`)).body.items
