import { archiveAddress, openStorage, type Storage } from '@journey/archive'
import { FromEnv, malformed, ServerSettings } from '@journey/runtime'
import { IsIn, IsInt, IsNotEmpty, IsOptional, IsString, IsUrl, Matches, Max, Min, MinLength } from 'class-validator'
import { isLoopback } from './security.js'

/** What the API is told from outside, beside what every service is told. */
export class ApiSettings extends ServerSettings {
  /** Default: every address with tokens, 127.0.0.1 without. */
  @FromEnv('JOURNEY_API_HOST') @IsOptional() @IsNotEmpty() apiHost?: string
  /** 0 takes any free port. */
  @FromEnv('JOURNEY_API_PORT') @IsInt() @Min(0) @Max(65535) apiPort = 8080
  @FromEnv('JOURNEY_AUTH') @IsIn(['token', 'off']) auth: 'token' | 'off' = 'token'
  /** The bearer token that callers show; made of letters, digits and `-._~+/=` (RFC 6750). */
  @FromEnv('JOURNEY_API_TOKEN') @IsOptional() @IsString() @MinLength(16) apiToken?: string

  /** The notifier's, so that the forecast of a retry can tell what would be told to whom; nothing is sent from here. */
  @FromEnv('CRM_WEBHOOK_ENABLED') @IsOptional() @IsIn(['true', '1', 'false', '0']) crmWebhookSwitch?: string
  @FromEnv('CRM_WEBHOOK_URL') @IsString() crmWebhookUrl = ''

  /** Where old events are archived; without it none are. */
  @FromEnv('JOURNEY_ARCHIVE_URL')
  @IsOptional()
  @Matches(archiveAddress, { message: 'must look like file:///var/archive or s3://bucket/folder' })
  archiveUrl?: string
  /** REQ-T260: 30 days. */
  @FromEnv('JOURNEY_ARCHIVE_AFTER_DAYS') @IsInt() @Min(1) @Max(36_500) archiveAfterDays = 30
  /** An S3 other than that of AWS. Without the keys those of the environment AWS describes are taken. */
  @FromEnv('JOURNEY_ARCHIVE_S3_ENDPOINT')
  @IsOptional()
  @IsUrl({ require_tld: false, protocols: ['http', 'https'], require_protocol: true })
  archiveS3Endpoint?: string
  @FromEnv('JOURNEY_ARCHIVE_S3_REGION') @IsNotEmpty() archiveS3Region = 'us-east-1'
  @FromEnv('JOURNEY_ARCHIVE_S3_ACCESS_KEY_ID') @IsOptional() @IsString() archiveS3AccessKeyId?: string
  @FromEnv('JOURNEY_ARCHIVE_S3_SECRET_ACCESS_KEY') @IsOptional() @IsString() archiveS3SecretAccessKey?: string
}

/** The archive of old events; undefined where none is wanted. */
export const archiveOf = (settings: Readonly<ApiSettings>): Storage | undefined =>
  settings.archiveUrl === undefined
    ? undefined
    : openStorage(settings.archiveUrl, {
        endpoint: settings.archiveS3Endpoint,
        region: settings.archiveS3Region,
        accessKeyId: settings.archiveS3AccessKeyId,
        secretAccessKey: settings.archiveS3SecretAccessKey,
      })

/** Who may call and where to listen. Without `token` nobody needs one. */
export type Access = { host: string; port: number; token?: string }

/**
 * Without tokens everyone who reaches the port may do everything, so it must not be reachable from elsewhere.
 *
 * @throws malformed `settings/auth_off_beyond_loopback`, `settings/token_missing`
 */
export const accessOf = ({ auth, apiHost, apiPort, apiToken }: Readonly<ApiSettings>): Access => {
  if (auth === 'off') {
    const host = apiHost ?? '127.0.0.1'
    if (isLoopback(host)) return { host, port: apiPort }
    throw malformed(
      'settings/auth_off_beyond_loopback',
      `JOURNEY_AUTH=off is allowed only on a loopback address, but JOURNEY_API_HOST is ${host}: set JOURNEY_AUTH=token and JOURNEY_API_TOKEN, or JOURNEY_API_HOST=127.0.0.1`,
    )
  }
  if (apiToken) return { host: apiHost ?? '0.0.0.0', port: apiPort, token: apiToken }
  throw malformed(
    'settings/token_missing',
    'JOURNEY_AUTH=token needs JOURNEY_API_TOKEN, at least 16 characters; JOURNEY_AUTH=off does without, on 127.0.0.1',
  )
}
