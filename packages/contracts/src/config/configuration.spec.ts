import { expect } from 'chai'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault, type Environment } from '@journey/runtime'
import { loadConfiguration } from './configuration.js'

const shipped = fileURLToPath(new URL('../../../../infra/config', import.meta.url))

/** The shipped configuration with some text of it replaced; gone after `use`. */
const withChanged = (changes: Record<string, [from: string, to: string][]>, use: (folder: string) => void) => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-config-'))
  try {
    cpSync(shipped, folder, { recursive: true })
    for (const [file, replacements] of Object.entries(changes)) {
      const text = replacements.reduce(
        (all, [from, to]) => {
          expect(all, `${file} says ${from}`).to.include(from)
          return all.replace(from, to)
        },
        readFileSync(join(folder, file), 'utf8'),
      )
      writeFileSync(join(folder, file), text)
    }
    use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const problemsOf = (folder: string, env: Environment = {}): string[] => {
  try {
    loadConfiguration(folder, env)
  } catch (error) {
    if (error instanceof Fault) return error.details.map(({ field, message }) => `${field}: ${message}`)
    throw error
  }
  return []
}

describe('the shipped configuration', () => {
  const { catalog, orchestrator, policy } = loadConfiguration(shipped, {})

  it('sets up every stage, and checks every exit, as TECH-003 says', () => {
    expect(catalog.setup.sandbox?.tasks.map(({ task_id, depends_on }) => [task_id, ...depends_on])).to.deep.equal([
      ['provision_infra'],
      ['install_connectors', 'provision_infra'],
      ['provision_test_data', 'install_connectors'],
      ['run_security_scan', 'provision_test_data'],
    ])
    expect(catalog.setup.pilot?.tasks).to.have.lengthOf(3)
    expect(catalog.setup.production).not.to.equal(undefined)
    expect(catalog.gates.sandbox.map(({ check_id }) => check_id)).to.deep.equal([
      'connectors_syncing',
      'search_quality',
      'security_scan',
      'demo_approval',
    ])
    expect(catalog.gates.pilot.map(({ check_id }) => check_id)).to.deep.equal([
      'search_quality',
      'user_satisfaction',
      'bug_window',
      'performance_sla',
    ])
    expect(catalog.gates.production.map(({ check_id }) => check_id)).to.deep.equal([
      'user_adoption',
      'search_satisfaction',
      'query_volume_growth',
      'incidents',
    ])
  })
  it('retries as each task says, else as the orchestrator does', () => {
    const [provision, , data, scan] = catalog.setup.sandbox!.tasks
    expect(provision?.retry).to.deep.equal({ max_retries: 3, backoff: 'exponential', initial_ms: 2000, max_ms: 60_000 })
    expect(data?.retry).to.include({ max_retries: 2, backoff: 'linear' })
    expect(scan?.retry).to.include({ max_retries: 1, backoff: 'none' })
    expect(catalog.setup.pilot?.tasks[0]?.retry).to.include({ max_retries: 3, backoff: 'exponential' })
  })
  it('is switched on', () => {
    expect(orchestrator).to.include({ name: 'journey-orchestrator', version: '1.0.0', max_concurrent_journeys: 100 })
    expect(policy).to.deep.equal({ enabled: true, auto_promotion: true, auto_completion: false })
  })
})

describe('the environment', () => {
  it('wins over the files, and what it set can be told', () => {
    const env = {
      SANDBOX_EXIT_SEARCH_QUALITY_MIN: '0.95',
      PRODUCTION_ADOPTION_TARGET: '0.5',
      JOURNEY_UOW_TASK_TIMEOUT: '1',
      JOURNEY_MAX_CONCURRENT: '2',
      SANDBOX_EXIT_DEMO_APPROVAL_REQUIRED: 'false',
    }
    const { catalog, orchestrator, overrides } = loadConfiguration(shipped, env)
    expect(
      catalog.gates.sandbox.find(({ check_id }) => check_id === 'search_quality')?.parameters.min_precision,
    ).to.equal(0.95)
    expect(catalog.gates.sandbox.find(({ check_id }) => check_id === 'demo_approval')?.parameters.required).to.equal(
      false,
    )
    expect(catalog.gates.production[0]?.parameters.target).to.equal(0.5)
    expect(catalog.setup.sandbox?.tasks[0]?.timeout_ms).to.equal(1000)
    expect(orchestrator.max_concurrent_journeys).to.equal(2)
    expect(overrides.map(({ variable }) => variable)).to.have.members(Object.keys(env))
  })
})

describe('a configuration with errors', () => {
  it('names all of them, by file and path', () =>
    withChanged(
      {
        'unit-of-work-templates.yaml': [
          ['depends_on: ["provision_infra"]', 'depends_on: ["provision_infrastructure"]'],
        ],
        'stages.yaml': [['validator: "BugWindowValidator"', 'validator: "BugValidator"']],
      },
      (folder) => {
        const problems = problemsOf(folder).join('\n')
        expect(problems).to.match(
          /unit-of-work-templates\.yaml: templates\[0\]\.tasks\[1\]\.depends_on: there is no task provision_infrastructure/,
        )
        expect(problems).to.match(/stages\.yaml: stages\[1\]\.exit_criteria\[2\]: BugValidator is not known/)
      },
    ))
  it('names a cycle by its tasks', () =>
    withChanged(
      { 'unit-of-work-templates.yaml': [['depends_on: []', 'depends_on: ["run_security_scan"]']] },
      (folder) =>
        expect(problemsOf(folder).join()).to.match(
          /wait for each other: provision_infra → run_security_scan → provision_test_data → install_connectors → provision_infra/,
        ),
    ))
  it('names an input that nothing gives', () =>
    withChanged({ 'unit-of-work-templates.yaml': [['pilot_cohort_size: { type', 'pilot_size: { type']] }, (folder) =>
      expect(problemsOf(folder)).to.deep.equal([
        'unit-of-work-templates.yaml: templates[1].tasks[0].input_schema.pilot_size: neither a task before deploy_to_production nor the journey gives pilot_size',
      ]),
    ))
  it('names fields of the wrong form, unknown ones, and unreadable files', () =>
    withChanged(
      {
        'journey-orchestrator.yaml': [
          ['max_concurrent_journeys: 100', 'max_concurrent_journeys: many'],
          ['worker_pool_size: 10', 'pool: 10'],
        ],
        'stages.yaml': [['stages:', 'stages: [']],
      },
      (folder) => {
        const problems = problemsOf(folder, { JOURNEY_MAX_CONCURRENT: '0' }).join('\n')
        for (const part of [
          /JOURNEY_MAX_CONCURRENT/,
          /orchestrator\.yaml: orchestrator\.max_concurrent_journeys: must be integer/,
          /orchestrator\.worker_pool_size/,
          /orchestrator\.pool/,
          /stages\.yaml/,
        ])
          expect(problems).to.match(part)
      },
    ))
  it('needs its folder', () => expect(problemsOf('/nowhere/at/all')).to.have.lengthOf(1))
})
