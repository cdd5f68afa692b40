import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import { accessOf, readUsers } from './access.js'

const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`

describe('the users of an event store node', () => {
  it('stand one per line or between commas; a password may hold colons and spaces', () => {
    const users = readUsers('admin:changeit, dana:a:b c\n\neve:x\r\n')
    expect([...users]).to.deep.equal([
      ['admin', 'changeit'],
      ['dana', 'a:b c'],
      ['eve', 'x'],
    ])
  })

  it('are refused as a whole when one cannot be read, and no word of them is shown', () => {
    for (const text of ['secret', 'admin:', ':secret', 'admin:secret,admin:secret2']) {
      let error: unknown
      try {
        readUsers(text)
      } catch (reason) {
        error = reason
      }
      expect(codeOf(error), text).to.equal('event_store_node/users_unreadable')
      expect((error as Error).message).not.to.include('secret')
    }
  })

  it('are told from strangers, and strangers from those who say nothing', () => {
    const users = readUsers('admin:changeit,żaneta:hasło')
    expect(accessOf(basic('admin:changeit'), users)).to.equal('allowed')
    expect(accessOf(basic('żaneta:hasło'), users)).to.equal('allowed')
    for (const wrong of [
      basic('admin:changeit2'),
      basic('admin:'),
      basic('admin'),
      basic('eve:changeit'),
      'Bearer x',
      '',
    ])
      expect(accessOf(wrong, users), wrong).to.equal('unknown')
    expect(accessOf(undefined, users)).to.equal('anonymous')
  })

  it('are not asked for when there are none', () => {
    expect(accessOf(undefined, readUsers(''))).to.equal('allowed')
    expect(accessOf(basic('any:body'), readUsers(''))).to.equal('allowed')
  })
})
