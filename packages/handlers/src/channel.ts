import { crmNotification } from '@journey/integrations'
import type { JsonObject } from '@journey/domain'
import type { Recorded } from '@journey/contracts'

/** What a channel is told about an event. */
export type Notification = { eventType: string; clientId: string; payload: JsonObject }

/** One way to tell the world outside. Its name stands in rows, ids and metrics: never rename it. */
export type Channel = {
  readonly name: string
  /** The address, as far as it may be shown; empty if there is none. */
  readonly target: string
  /** Off: what would be told is kept as `disabled` and never sent. */
  readonly isEnabled: boolean
  /** undefined for an event that the channel does not hear of. @throws malformed `event/invalid` */
  tell(event: Recorded): Notification | undefined
}

/** Webhooks to the customer's CRM (ARCH-003 section 5.2). */
export const crmChannel = ({ url, isEnabled }: { url: string; isEnabled: boolean }): Channel => ({
  name: 'crm',
  target: shownAddress(url),
  isEnabled,
  tell: (event) => {
    const notification = crmNotification(event)
    return (
      notification && { eventType: notification.event_type, clientId: notification.client_id, payload: notification }
    )
  },
})

/** Whether the CRM is told of anything: as the switch says, else where there is an address. */
export const isCrmOn = ({ crmWebhookSwitch: given, crmWebhookUrl: url }: CrmSwitch): boolean =>
  given === undefined ? url !== '' : given === 'true' || given === '1'

type CrmSwitch = { crmWebhookSwitch?: string | undefined; crmWebhookUrl: string }

/** Receivers like to put keys into the query of their addresses. */
const shownAddress = (url: string): string => {
  if (!URL.canParse(url)) return ''
  const { origin, pathname } = new URL(url)
  return origin + pathname
}
