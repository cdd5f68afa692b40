import { IsBoolean, IsInt, IsNumber, IsOptional, IsPositive, Max, Min } from 'class-validator'
import { FromEnv } from '@journey/runtime'

/** What the environment may say instead of the files (TECH-003 sections 2.1 and 2.2), and three settings of our own. */
export class OrchestratorSettings {
  @FromEnv('JOURNEY_ORCHESTRATOR_ENABLED') @IsBoolean() enabled = true
  @FromEnv('JOURNEY_MAX_CONCURRENT') @IsOptional() @IsInt() @Min(1) maxConcurrent?: number
  @FromEnv('JOURNEY_STAGE_TRANSITION_TIMEOUT') @IsOptional() @IsPositive() stageTransitionSeconds?: number
  @FromEnv('JOURNEY_UOW_TASK_TIMEOUT') @IsOptional() @IsPositive() taskTimeoutSeconds?: number
  @FromEnv('SANDBOX_DURATION_TARGET_DAYS') @IsOptional() @IsPositive() sandboxDays?: number
  @FromEnv('SANDBOX_EXIT_SEARCH_QUALITY_MIN') @IsOptional() @IsNumber() @Min(0) @Max(1) sandboxSearchQuality?: number
  @FromEnv('SANDBOX_EXIT_SECURITY_CRITICAL_MAX') @IsOptional() @IsInt() @Min(0) sandboxCriticalMax?: number
  @FromEnv('SANDBOX_EXIT_DEMO_APPROVAL_REQUIRED') @IsBoolean() sandboxDemoRequired = true
  @FromEnv('PILOT_DURATION_TARGET_DAYS') @IsOptional() @IsPositive() pilotDays?: number
  @FromEnv('PILOT_EXIT_SEARCH_QUALITY_MIN') @IsOptional() @IsNumber() @Min(0) @Max(1) pilotSearchQuality?: number
  @FromEnv('PILOT_EXIT_USER_SATISFACTION_MIN') @IsOptional() @IsNumber() @Min(1) @Max(5) pilotSatisfaction?: number
  @FromEnv('PILOT_EXIT_BUG_WINDOW_DAYS') @IsOptional() @IsPositive() pilotBugWindowDays?: number
  @FromEnv('PILOT_EXIT_P95_LATENCY_MAX_MS') @IsOptional() @IsPositive() pilotLatencyMs?: number
  @FromEnv('PRODUCTION_ADOPTION_TARGET') @IsOptional() @IsNumber() @Min(0) @Max(1) productionAdoption?: number
  @FromEnv('PRODUCTION_SATISFACTION_TARGET') @IsOptional() @IsNumber() @Min(1) @Max(5) productionSatisfaction?: number
  @FromEnv('PRODUCTION_GROWTH_TARGET') @IsOptional() @IsNumber() productionGrowth?: number

  /** Completes a journey by itself when the success metrics pass; off, since production goes on until somebody says so. */
  @FromEnv('JOURNEY_AUTO_COMPLETION') @IsBoolean() autoCompletion = false
  /** How long after an evaluation the gate is looked at again; doubled each time, up to a day. */
  @FromEnv('JOURNEY_GATE_RE_EVALUATION_SECONDS') @IsPositive() reEvaluationSeconds = 3600
  /** How often an agent says that it lives; one that was silent for three of these counts as away. */
  @FromEnv('JOURNEY_AGENT_HEARTBEAT_SECONDS') @IsPositive() heartbeatSeconds = 10
}
