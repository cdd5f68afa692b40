import { expect } from 'chai'
import pg from 'pg'
import { codeOf, familyOf, Fault } from '@journey/runtime'
import { databaseFault, sqlStateOf } from './faults.js'

const refusal = (code: string): pg.DatabaseError =>
  Object.assign(new pg.DatabaseError('no', 1, 'error'), { code, severity: 'ERROR' })
const network = (code: string): Error => Object.assign(new Error('no'), { code })
const meaningOf = (error: unknown) => {
  const fault = databaseFault(error)
  return `${familyOf(fault)} ${codeOf(fault)}`
}

describe('an error of the database', () => {
  it('is unavailable when the server is away, starting, stopping, refusing or full', () => {
    for (const code of ['57P01', '57P03', '08006', '25006'])
      expect(meaningOf(refusal(code))).to.equal('unavailable database/away')
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND'])
      expect(meaningOf(network(code))).to.equal('unavailable database/away')
    for (const code of ['53100', '53200', '53300'])
      expect(meaningOf(refusal(code))).to.equal('unavailable database/exhausted')
    for (const code of ['28P01', '3D000', '42501'])
      expect(meaningOf(refusal(code))).to.equal('unavailable database/access_refused')
    expect(meaningOf(refusal('57014'))).to.equal('unavailable database/too_slow')
    expect(meaningOf(refusal('42P01'))).to.equal('unavailable database/not_migrated')
  })

  it('is unavailable when the connection was lost, which the client tells without a code', () => {
    expect(meaningOf(new Error('Connection terminated unexpectedly'))).to.equal('unavailable database/away')
  })

  it('is a conflict when somebody else was first or in the way', () => {
    expect(meaningOf(refusal('40001'))).to.equal('conflict database/serialization')
    expect(meaningOf(refusal('40P01'))).to.equal('conflict database/serialization')
    expect(meaningOf(refusal('23505'))).to.equal('conflict database/duplicate')
  })

  it('stays as it is when it is a bug, or a value that does not fit', () => {
    for (const error of [refusal('23503'), refusal('22001'), new TypeError('no'), new Fault('refused', 'a/b', 'no')])
      expect(databaseFault(error)).to.equal(error)
  })

  it('keeps its cause and its SQLSTATE', () => {
    const error = refusal('40001')
    const fault = databaseFault(error) as Fault
    expect(fault.cause).to.equal(error)
    expect(sqlStateOf(fault)).to.equal('40001')
    expect(sqlStateOf(network('EPIPE'))).to.equal(undefined)
    expect(sqlStateOf('text')).to.equal(undefined)
  })
})
