import { conflict } from '@journey/runtime'
import { expect } from 'chai'
import { startFaultOf } from './start-fault.js'

const asked = { port: 2113, healthPort: 9100 }
const refused = (code: string, port: number) =>
  Object.assign(new Error(`listen ${code}`), { code, syscall: 'listen', address: '127.0.0.1', port })

describe('a node that cannot start', () => {
  it('says which port is taken, and which option names another', () => {
    expect(startFaultOf(refused('EADDRINUSE', 2113), asked)).to.equal(
      'Port 2113 of 127.0.0.1 is taken. Stop what listens there, or name another with --port.',
    )
    expect(startFaultOf(refused('EADDRINUSE', 9100), asked)).to.match(/^Port 9100 .* --health-port\.$/)
    expect(startFaultOf(refused('EACCES', 2113), asked)).to.match(/ not for this user .* --port\.$/)
    expect(startFaultOf(refused('EADDRNOTAVAIL', 2113), asked)).to.match(/ no address of this machine .* --host\.$/)
  })

  it('says that its database cannot be reached, or does not let it in', () => {
    const gone = { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 5432 }
    const nowhere = { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'nowhere' }
    expect(startFaultOf(Object.assign(new Error(), gone), asked)).to.equal(
      'PostgreSQL at 127.0.0.1:5432 cannot be reached (ECONNREFUSED). Start it, or name another with --database.',
    )
    expect(startFaultOf(Object.assign(new Error(), nowhere), asked)).to.match(
      /^PostgreSQL at nowhere cannot be reached/,
    )
    for (const code of ['28P01', '3D000'])
      expect(startFaultOf(Object.assign(new Error('database "x" is not there'), { code }), asked)).to.equal(
        'PostgreSQL does not let the node in: database "x" is not there. Check the user, the password and the database of --database.',
      )
  })

  it('says what an expected fault says, and nothing of a bug', () => {
    expect(startFaultOf(conflict('embedded/state_in_use', 'Stop it first.'), asked)).to.equal('Stop it first.')
    expect(startFaultOf(new TypeError('x is undefined'), asked)).to.equal(undefined)
  })
})
