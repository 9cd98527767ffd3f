import type { ComponentChildren } from 'preact';

export type Health = 'good' | 'warn' | 'bad' | 'idle';

interface HealthCardProps {
  readonly title: string;
  readonly health: Health;
  readonly summary: string;
  readonly facts: readonly (readonly [string, ComponentChildren])[];
  readonly problems: readonly string[];
  readonly more?: ComponentChildren;
}

/** How one part of the bastion is, with what is wrong with it above its figures. */
export function HealthCard({ title, health, summary, facts, problems, more }: HealthCardProps) {
  return (
    <article class={`card health health-${health}`}>
      <h3>{title}</h3>
      <p class="health-summary">
        <span class="dot" aria-hidden="true" />
        {summary}
      </p>
      {problems.map((problem) => (
        <p key={problem} class="health-problem">
          {problem}
        </p>
      ))}
      <dl class="facts compact-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {more !== undefined && <p class="health-more">{more}</p>}
    </article>
  );
}
