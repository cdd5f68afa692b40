import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsIn, IsInt, IsOptional, Max, Min } from 'class-validator'
import type { Agent, Journey, JsonObject, StageId, UnitOfWork } from '@journey/domain'
import { IsAgentId, IsClientId, IsIntent, IsPlainObject, IsStage, IsText, IsUser } from './fields.js'

/** The `data` of each command type of CONTRACT.md section 1, as it comes over the wire; defaults are filled in by `defaults`. */

type DataOf<Type extends (Journey.Command | UnitOfWork.Command | Agent.Command)['type']> = Extract<
  Journey.Command | UnitOfWork.Command | Agent.Command,
  { type: Type }
>['data']

export class StartJourney {
  @IsClientId() client_id!: string
  @IsArray() @ArrayMinSize(1) @ArrayMaxSize(1000) @IsText(255, { each: true }) data_sources!: string[]
  @IsOptional() @IsArray() @ArrayMaxSize(1000) @IsText(255, { each: true }) connectors?: string[]
  @IsOptional() @IsArray() @ArrayMaxSize(10000) @IsUser({ each: true }) users?: string[]
  @IsOptional() @IsInt() @Min(1) @Max(1_000_000) pilot_cohort_size?: number
  @IsOptional() @IsBoolean() contract_signed?: boolean
  @IsOptional() @IsPlainObject() parameters?: JsonObject
}

export class PromoteJourney {
  @IsClientId() client_id!: string
  @IsOptional() @IsStage() to_stage?: StageId
  @IsOptional() @IsText(2000) reason?: string
}

export class OfClient {
  @IsClientId() client_id!: string
}

export class WithReason extends OfClient {
  @IsText(2000) reason!: string
}

export class RollBackJourney extends WithReason {
  @IsOptional() @IsStage() to_stage?: StageId
  @IsOptional() @IsText(100) category?: string
}

export class CompleteJourney extends OfClient {
  @IsOptional() @IsText(2000) reason?: string
}

export class OfWork {
  @IsText(255) work_id!: string
}

export class DecideApproval extends OfWork {
  @IsText(255) task_id!: string
  @IsIn(['approve', 'reject']) decision!: UnitOfWork.Decision
  @IsOptional() @IsText(2000) comment?: string
}

export class RetryUnitOfWork extends OfWork {
  @IsOptional() @IsText(255) task_id?: string
}

export class CancelUnitOfWork extends OfWork {
  @IsText(2000) reason!: string
}

class TaskResult extends OfWork {
  @IsText(255) task_id!: string
  @IsInt() @Min(1) attempt!: number
  @IsText(255) token!: string
  @IsOptional() @IsAgentId() agent_id?: string
}

export class CompleteTask extends TaskResult {
  @IsOptional() @IsPlainObject() output?: JsonObject
}

export class FailTask extends TaskResult {
  @IsText(255) code!: string
  @IsOptional() @IsText(10_000) message?: string
  @IsOptional() @IsBoolean() retryable?: boolean
}

export class RegisterAgent {
  @IsAgentId() agent_id!: string
  @IsText(255) name!: string
  @IsArray() @ArrayMinSize(1) @ArrayMaxSize(200) @IsIntent({ each: true }) intents!: string[]
  @IsOptional() @IsText(100) type?: string
  @IsOptional() @IsText(100) version?: string
  @IsOptional() @IsText(100) cognitive_pattern?: string
}

export class AgentHeartbeat {
  @IsAgentId() agent_id!: string
  @IsOptional() @IsInt() @Min(0) active_tasks?: number
}

// ── The saga-processor's own commands ───────────────────────────────────────────────────────────────────────────────

class OfVisit extends OfClient {
  @IsInt() @Min(1) episode!: number
  @IsStage() stage!: StageId
  @IsInt() @Min(1) visit!: number
}

export class RequestEvaluation extends OfVisit {
  @IsIn(['setup_completed', 'requested', 'evidence', 'scheduled']) trigger!: Journey.EvaluationTrigger
}

export class RecordEvaluation extends OfVisit {
  @IsInt() @Min(1) n!: number
  @IsText(255) work_id!: string
  @IsArray() checks!: DataOf<'journey.record_evaluation'>['checks']
}

export class FinishRollback extends OfVisit {
  @IsText(255) work_id!: string
  @IsIn(['completed', 'failed']) outcome!: 'completed' | 'failed'
  @IsText(10_000) reason!: string
}

export class CreateUnitOfWork extends OfVisit {
  @IsText(255) work_id!: string
  @IsIn(['setup', 'gate', 'rollback']) kind!: UnitOfWork.Creation['kind']
  @IsInt() @Min(1) n!: number
  @IsPlainObject() plan!: UnitOfWork.Creation['plan']
  @IsPlainObject() inputs!: JsonObject
  @IsPlainObject() parameters!: JsonObject
  @IsOptional() @IsArray() criteria?: NonNullable<UnitOfWork.Creation['criteria']>
  @IsOptional() @IsPlainObject() approvals?: NonNullable<UnitOfWork.Creation['approvals']>
}

export class OfTaskAttempt extends OfWork {
  @IsText(255) task_id!: string
  @IsInt() @Min(1) attempt!: number
}
