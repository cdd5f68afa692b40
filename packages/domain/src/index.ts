export * as Journey from './journey/journey.js'
export * as UnitOfWork from './unit-of-work/unit-of-work.js'
export * as Agent from './agent/agent.js'
export * as Process from './process/process.js'
export { transitions as journeyTransitions } from './journey/transitions.js'
export { transitions as unitOfWorkTransitions } from './unit-of-work/transitions.js'
export { stageAfter, stageBefore, stages, type StageId } from './journey/stages.js'
export {
  judge,
  judgeAll,
  type CheckOutcome,
  type CheckResult,
  type Comparison,
  type Criterion,
  type Evaluation,
  type Measurement,
  type Verdict,
} from './gate/judge.js'
export { ruleOf, validatorOfMetric, validators, type Rule } from './gate/rules.js'
export type {
  Compensation,
  Field,
  FieldType,
  Plan,
  PlannedTask,
  RetryPolicy,
  RollbackTemplate,
} from './plan/template.js'
export {
  agentStream,
  derivedId,
  journeyStream,
  unitOfWorkStream,
  workIdOf,
  type WorkKey,
  type WorkKind,
} from './ids.js'
export { Refusal, type RefusalDetail } from './refusal.js'
export { later, type Actor, type Instant, type Json, type JsonObject } from './values.js'
export {
  compileCatalog,
  gateIntent,
  intentsOf,
  isMeasured,
  isRequired,
  journeyInputs,
  type Catalog,
  type CatalogConfig,
  type ConfigProblem,
  type RollbackConfig,
  type Stage,
  type StageConfig,
  type TaskConfig,
  type TemplateConfig,
} from './plan/catalog.js'
export { checkInput, doneTasks, gateWork, rollbackWork, setupWork } from './plan/works.js'
export { retryDelay } from './unit-of-work/retry.js'
