import { IsIn, IsInt, IsNotEmpty, IsOptional, IsUrl, Max, Min, ValidateIf } from 'class-validator'
import { isCrmOn } from '@journey/handlers'
import { FromEnv, ServerSettings } from '@journey/runtime'

const whenEnabled = ValidateIf((settings: Settings) => settings.isCrmWebhookEnabled)
const webhookAddress = { protocols: ['http', 'https'], require_protocol: true, require_tld: false, disallow_auth: true }

export class Settings extends ServerSettings {
  /** Unset, it follows from whether there is an address. */
  @FromEnv('CRM_WEBHOOK_ENABLED') @IsOptional() @IsIn(['true', '1', 'false', '0']) crmWebhookSwitch?: string

  @FromEnv('CRM_WEBHOOK_URL')
  @whenEnabled
  @IsUrl(webhookAddress, {
    message: 'must be an http(s) address, without user and password, when the CRM webhook is on',
  })
  crmWebhookUrl = ''

  /** Signs what is sent. */
  @FromEnv('CRM_WEBHOOK_SECRET')
  @whenEnabled
  @IsNotEmpty({ message: 'must be set when the CRM webhook is on: it signs what is sent' })
  crmWebhookSecret = ''

  /** For one attempt, connecting included. Its delivery's row is locked meanwhile. */
  @FromEnv('CRM_WEBHOOK_TIMEOUT_MS') @IsInt() @Min(100) @Max(10_000) crmWebhookTimeoutMs = 10_000
  /** In total (REQ-T284). */
  @FromEnv('CRM_WEBHOOK_ATTEMPTS') @IsInt() @Min(1) @Max(10) crmWebhookAttempts = 3
  /** The pause after the first failed attempt; each later one is five times as long: 1 s, 5 s. */
  @FromEnv('CRM_WEBHOOK_RETRY_DELAY_MS') @IsInt() @Min(1) @Max(3_600_000) crmWebhookRetryDelayMs = 1_000
  /** How many webhooks are under way at once; each holds a database connection. */
  @FromEnv('CRM_WEBHOOK_CONCURRENCY') @IsInt() @Min(1) @Max(50) crmWebhookConcurrency = 4

  get isCrmWebhookEnabled(): boolean {
    return isCrmOn(this)
  }
}
