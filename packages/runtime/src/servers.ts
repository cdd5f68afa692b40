import {
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateIf,
} from 'class-validator'
import { logLevels, type LogLevel } from './log.js'
import { FromEnv } from './settings.js'

/** Old keys alone would read and not write. */
const isEncryptionMeant = (settings: ServerSettings): boolean =>
  settings.encryptionKey !== undefined || settings.encryptionKeysOld !== undefined

/** Settings every service has: where the three servers are, how much to log, where its own health server listens. */
export class ServerSettings {
  /** Whole address; wins over the parts. */
  @FromEnv('DATABASE_URL')
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\//, { message: 'must look like postgres://user:password@host:port/database' })
  databaseUrlWhole?: string
  @FromEnv('JOURNEY_STATE_STORE') @IsIn(['postgresql']) stateStore = 'postgresql'
  @FromEnv('JOURNEY_STATE_DB_HOST') @IsNotEmpty() stateDbHost = '127.0.0.1'
  @FromEnv('JOURNEY_STATE_DB_PORT') @IsInt() @Min(1) @Max(65535) stateDbPort = 5432
  @FromEnv('JOURNEY_STATE_DB_NAME') @IsNotEmpty() stateDbName = 'journey_state'
  @FromEnv('JOURNEY_STATE_DB_USER') @IsNotEmpty() stateDbUser = 'journey_orchestrator'
  @FromEnv('JOURNEY_STATE_DB_PASSWORD') @IsString() stateDbPassword = ''

  @FromEnv('EVENT_STORE_URL')
  @IsOptional()
  @Matches(/^esdb(\+discover)?:\/\//, { message: 'must look like esdb://host:port?tls=false' })
  eventStoreUrlWhole?: string
  @FromEnv('JOURNEY_EVENT_STORE') @IsIn(['eventstoredb']) eventStore = 'eventstoredb'
  @FromEnv('JOURNEY_EVENT_STORE_HOST') @IsNotEmpty() eventStoreHost = '127.0.0.1'
  @FromEnv('JOURNEY_EVENT_STORE_PORT') @IsInt() @Min(1) @Max(65535) eventStorePort = 2113
  @FromEnv('JOURNEY_EVENT_STORE_USER') @IsString() eventStoreUser = ''
  @FromEnv('JOURNEY_EVENT_STORE_PASSWORD') @IsString() eventStorePassword = ''
  @FromEnv('JOURNEY_EVENT_STORE_TLS') @IsBoolean() eventStoreTls = false

  @FromEnv('RABBITMQ_URL')
  @IsOptional()
  @Matches(/^amqps?:\/\/[^\s]+$/, {
    message: 'must look like amqp://user:password@host:port/vhost, several of one cluster with commas between',
  })
  amqpUrlWhole?: string
  /** One host, or those of a cluster with commas between, each with its port or the one of `RABBITMQ_PORT`. */
  @FromEnv('RABBITMQ_HOST') @IsNotEmpty() rabbitmqHost = '127.0.0.1'
  @FromEnv('RABBITMQ_PORT') @IsInt() @Min(1) @Max(65535) rabbitmqPort = 5672
  @FromEnv('RABBITMQ_USER') @IsNotEmpty() rabbitmqUser = 'guest'
  @FromEnv('RABBITMQ_PASS') @IsString() rabbitmqPass = 'guest'
  @FromEnv('RABBITMQ_VHOST') @IsNotEmpty() rabbitmqVhost = '/'
  @FromEnv('RABBITMQ_TLS') @IsBoolean() rabbitmqTls = false
  /**
   * Whether the broker is a cluster; decides the type of the command queue (docs/bus.md). Not given, the management API is asked; a
   * broker without one stands alone.
   */
  @FromEnv('RABBITMQ_CLUSTERED')
  @IsOptional()
  @IsBoolean()
  amqpClustered?: boolean

  /** EX-MQ.2 of the requirements: how many unacknowledged messages one consumer may hold. */
  @FromEnv('RABBITMQ_PREFETCH') @IsInt() @Min(1) @Max(65535) prefetch = 10
  /** The management API, or several of one cluster with commas between; an outside broker's must be named to be used. */
  @FromEnv('RABBITMQ_MANAGEMENT_URL') @IsOptional() @IsString() amqpManagementUrl?: string

  /** Content is sealed with it, on disks that others may read. Without it none is. */
  @FromEnv('JOURNEY_ENCRYPTION_KEY')
  @ValidateIf(isEncryptionMeant)
  @Matches(/^[A-Za-z0-9+/]{43}=$/, {
    message: 'must be 32 random bytes in base64, as `openssl rand -base64 32` makes them, also when there are old keys',
  })
  encryptionKey?: string
  /** Former keys, for what is not wrapped with the present one yet. */
  @FromEnv('JOURNEY_ENCRYPTION_KEYS_OLD')
  @IsOptional()
  @Matches(/^[A-Za-z0-9+/]{43}=( *, *[A-Za-z0-9+/]{43}=)*$/, {
    message: 'must be keys of 32 bytes in base64, separated by commas',
  })
  encryptionKeysOld?: string

  /** Not given, `logging.yaml` says it, else it is `info`. */
  @FromEnv('LOG_LEVEL') @IsOptional() @IsIn(logLevels) logLevel?: LogLevel
  @FromEnv('JOURNEY_HEALTH_HOST') @IsNotEmpty() healthHost = '127.0.0.1'
  /** 0 takes any free port; containers and the supervisor name one. */
  @FromEnv('JOURNEY_HEALTH_PORT') @IsInt() @Min(0) @Max(65535) healthPort = 0
  @FromEnv('JOURNEY_CONFIG_DIR') @IsNotEmpty() configDir = 'infra/config'

  get encryption(): { key: string; old: readonly string[] } | undefined {
    if (this.encryptionKey === undefined) return undefined
    return { key: this.encryptionKey, old: this.encryptionKeysOld?.split(/ *, */) ?? [] }
  }

  get databaseUrl(): string {
    const credentials = `${encodeURIComponent(this.stateDbUser)}:${encodeURIComponent(this.stateDbPassword)}`
    return (
      this.databaseUrlWhole ?? `postgres://${credentials}@${this.stateDbHost}:${this.stateDbPort}/${this.stateDbName}`
    )
  }

  get eventStoreUrl(): string {
    const user = this.eventStoreUser
      ? `${encodeURIComponent(this.eventStoreUser)}:${encodeURIComponent(this.eventStorePassword)}@`
      : ''
    return (
      this.eventStoreUrlWhole ?? `esdb://${user}${this.eventStoreHost}:${this.eventStorePort}?tls=${this.eventStoreTls}`
    )
  }

  /** One address, or those of a cluster with commas between. */
  get amqpUrl(): string {
    const credentials = `${encodeURIComponent(this.rabbitmqUser)}:${encodeURIComponent(this.rabbitmqPass)}`
    const scheme = this.rabbitmqTls ? 'amqps' : 'amqp'
    const addressOf = (host: string): string =>
      `${scheme}://${credentials}@${/:\d+$/.test(host) ? host : `${host}:${this.rabbitmqPort}`}/${encodeURIComponent(this.rabbitmqVhost)}`
    return this.amqpUrlWhole ?? this.rabbitmqHost.split(',').map(addressOf).join(',')
  }
}
