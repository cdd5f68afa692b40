export {
  createCircuitBreaker,
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  type Permit,
} from './circuit-breaker.js'
export { crmEventTypes, crmNotification, type CrmNotification } from './crm/notification.js'
export type { Attempt, FailureCode } from './webhook/answer.js'
export {
  createWebhookClient,
  type Held,
  type Webhook,
  type WebhookClient,
  type WebhookClientOptions,
} from './webhook/client.js'
export { signatureHeader, signatureOf } from './webhook/signature.js'
