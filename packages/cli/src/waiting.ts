import type { Why } from './answers.js'
import { path, type Api } from './api.js'
import { plain, type Colours } from './output.js'

/** What agents and the orchestrator are about passes by itself; nobody needs to be told that it is waited for. */
const passing = ['task', 'processing', 'rollback']

/** Tells what a journey waits for: as news each time that it has become something else. */
export const createWaiting = (
  api: Api,
  clientId: string,
  { yellow, dim }: Colours,
): (() => Promise<{ news: string[]; isWaiting: boolean }>) => {
  let told = ''
  return async () => {
    const { waiting_for } = await api.get<Why>(path`/journeys/${clientId}/why`)
    const lines = waiting_for
      .filter(({ kind, who }) => !passing.includes(kind) || who === 'operator')
      .map(
        ({ says, to_do }) => `          ${yellow('…')} ${plain(says)}${to_do === null ? '' : dim(`  ${plain(to_do)}`)}`,
      )
    const isNews = lines.join('\n') !== told
    told = lines.join('\n')
    return { news: isNews ? lines : [], isWaiting: lines.length > 0 }
  }
}
