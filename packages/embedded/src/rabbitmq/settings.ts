import { join } from 'node:path'
import type { Environment } from '@journey/runtime'

/** The ports of one broker, all on 127.0.0.1. */
export type BrokerPorts = { amqp: number; management: number; prometheus: number; distribution: number; epmd: number }

/** The only user of the broker; there is no `guest`. */
export const user = 'journey'

/** `rabbitmq.conf`: the default user is made when the data folder is new. */
export const configuration = (
  ports: BrokerPorts,
  password: string,
  further: Readonly<Record<string, string | number>> = {},
): string =>
  Object.entries({
    default_user: user,
    default_pass: password,
    'default_user_tags.administrator': 'true',
    'default_permissions.configure': '.*',
    'default_permissions.read': '.*',
    'default_permissions.write': '.*',
    'management.tcp.ip': '127.0.0.1',
    'management.tcp.port': ports.management,
    'prometheus.tcp.ip': '127.0.0.1',
    'prometheus.tcp.port': ports.prometheus,
    'vm_memory_high_watermark.absolute': '1GB',
    'disk_free_limit.absolute': '200MB',
    'log.console': 'true',
    'log.console.level': 'info',
    ...further,
  })
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('')

export const enabledPlugins = '[rabbitmq_management,rabbitmq_prometheus].\n'

/** The environment of a node that shares nothing with another RabbitMQ of this machine: names, ports, cookie and folders are its own. */
export const environment = (home: string, ports: BrokerPorts, nodeName: string): Environment => ({
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
  HOME: home, // where Erlang keeps its cookie
  ERL_EPMD_ADDRESS: '127.0.0.1',
  ERL_EPMD_PORT: String(ports.epmd),
  RABBITMQ_NODENAME: `${nodeName}@localhost`,
  RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
  RABBITMQ_NODE_PORT: String(ports.amqp),
  RABBITMQ_DIST_PORT: String(ports.distribution),
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  RABBITMQ_CONF_ENV_FILE: '/dev/null', // not the machine's /etc/rabbitmq/rabbitmq-env.conf
  RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
  RABBITMQ_ADVANCED_CONFIG_FILE: join(home, 'advanced.config'),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
  RABBITMQ_MNESIA_BASE: join(home, 'mnesia'),
  RABBITMQ_LOG_BASE: join(home, 'log'),
  RABBITMQ_LOGS: '-',
  ERL_CRASH_DUMP_SECONDS: '0', // no dump of its whole memory into the data folder
  RABBITMQ_PID_FILE: join(home, 'pid'),
  // The start script then becomes the Erlang machine itself, so that its number is the broker's and its death is seen.
  RUNNING_UNDER_SYSTEMD: 'true',
})
