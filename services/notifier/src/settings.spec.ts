import { readSettings, type Environment } from '@journey/runtime'
import { expect } from 'chai'
import { Settings } from './settings.js'

const url = 'http://crm.internal:8443/webhooks/journey?tenant=7'
const read = (env: Environment) => readSettings(Settings, env)

const problemsOf = (env: Environment): string => {
  try {
    read(env)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('the CRM webhook', () => {
  it('is off without an address', () => expect(read({}).isCrmWebhookEnabled).to.equal(false))

  it('is on with one', () =>
    expect(read({ CRM_WEBHOOK_URL: url, CRM_WEBHOOK_SECRET: 's' }).isCrmWebhookEnabled).to.equal(true))

  it('is off when told so, whatever the address', () =>
    expect(read({ CRM_WEBHOOK_ENABLED: 'false', CRM_WEBHOOK_URL: 'rubbish' }).isCrmWebhookEnabled).to.equal(false))

  it('needs address and secret when it is on, and names both', () =>
    expect(problemsOf({ CRM_WEBHOOK_ENABLED: 'true' })).to.match(
      /2 problem.*\n.*CRM_WEBHOOK_URL: .*\n.*CRM_WEBHOOK_SECRET: /,
    ))

  it('takes no address with a password in it, and does not show it', () => {
    const problems = problemsOf({ CRM_WEBHOOK_URL: 'https://user:hunter2@crm.example.com/', CRM_WEBHOOK_SECRET: 's' })
    expect(problems).to.include('CRM_WEBHOOK_URL').and.not.include('hunter2')
  })

  it('waits 10 s for an answer at most', () =>
    expect(problemsOf({ CRM_WEBHOOK_TIMEOUT_MS: '10001' })).to.include('CRM_WEBHOOK_TIMEOUT_MS'))
})
