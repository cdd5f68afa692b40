import { expect } from 'chai'
import { configuration, environment } from './settings.js'

const ports = { amqp: 21001, management: 21002, prometheus: 21003, distribution: 21004, epmd: 21005 }

describe('the settings of the embedded broker', () => {
  it('name each of its ports, all on 127.0.0.1', () => {
    const written = configuration(ports, 'secret') + JSON.stringify(environment('/home', ports, 'journey'))
    for (const port of Object.values(ports)) expect(written).to.include(String(port))
    expect(environment('/home', ports, 'journey')).to.include({
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      ERL_EPMD_ADDRESS: '127.0.0.1',
    })
    expect(configuration(ports, 'secret')).to.match(/management.tcp.ip = 127.0.0.1\n/)
    expect(configuration(ports, 'secret')).to.match(/prometheus.tcp.ip = 127.0.0.1\n/)
  })

  it('keep the password out of the environment', () => {
    expect(configuration(ports, 'secret')).to.include('default_pass = secret')
    expect(JSON.stringify(environment('/home', ports, 'journey'))).not.to.include('secret')
  })
})
