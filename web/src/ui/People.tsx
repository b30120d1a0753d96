/** Who is here. Participants see the team and the true count; the team sees everyone, with what may be done. */
import { useMemo, useState } from "react";
import type { Desk } from "../connection/desk";
import type { Words } from "../i18n/words";
import { found, initials, listed } from "../room/people";
import { GOVERNS, type Person, type Stage } from "../wire";
import { useDesk, useRoom, useSay } from "./context";
import { Confirm } from "./Dialog";
import { Icon } from "./icons";
import { Menu, type MenuItem } from "./Menu";

const SEARCH_FROM = 8;
const DRAWN = 200;

export function People() {
  const say = useSay();
  const people = useRoom((room) => room.people);
  const count = useRoom((room) => room.count);
  const mayModerate = useRoom((room) => room.me.may_moderate);
  const [words, setWords] = useState("");
  const [removing, setRemoving] = useState<Person | null>(null);
  const desk = useDesk();
  const sorted = useMemo(() => listed(people, say.language), [people, say.language]);
  const shown = found(sorted, words);
  const team = shown.filter((person) => person.role !== "participant");
  const participants = shown.filter((person) => person.role === "participant");
  const others = participants.slice(0, DRAWN);
  const unseen = participants.length - others.length;
  return (
    <div className="scroll people" tabIndex={0} role="region" aria-label={say("people.title")}>
      {people.length >= SEARCH_FROM && (
        <label className="search">
          <Icon name="search" />
          <input
            className="input tight"
            type="search"
            value={words}
            placeholder={say("people.search")}
            aria-label={say("people.search")}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
        </label>
      )}
      {shown.length === 0 && words !== "" && <p className="soft pad">{say("people.nobody")}</p>}
      <Group title={say("people.team")} people={team} onRemove={setRemoving} />
      <Group title={say("people.participants")} people={others} onRemove={setRemoving} />
      {unseen > 0 && <p className="small faint pad">{say.count("people.unseen", unseen)}</p>}
      {!mayModerate && (
        <p className="small faint pad">{say("people.more", { count: say.count("people.count", count) })}</p>
      )}
      {removing !== null && (
        <Confirm
          look="danger"
          title={say("people.remove.title", { name: removing.name })}
          consequence={say("people.remove.text", { name: removing.name })}
          does={say("people.remove.do")}
          onDo={() => void desk.remove(removing.person_id)}
          onClose={() => setRemoving(null)}
        />
      )}
    </div>
  );
}

interface GroupProps {
  readonly title: string;
  readonly people: readonly Person[];
  readonly onRemove: (person: Person) => void;
}

function Group({ title, people, onRemove }: GroupProps) {
  if (people.length === 0) return null;
  return (
    <section className="group">
      <h2 className="small faint">{title}</h2>
      <ul>
        {people.map((person) => (
          <Row key={person.person_id} person={person} onRemove={() => onRemove(person)} />
        ))}
      </ul>
    </section>
  );
}

function Row({ person, onRemove }: { readonly person: Person; readonly onRemove: () => void }) {
  const say = useSay();
  const desk = useDesk();
  const me = useRoom((room) => room.me);
  const stage = useRoom((room) => room.stage);
  const items = actions(person, stage, desk, say, onRemove);
  const isMe = person.person_id === me.person_id;
  return (
    <li className="person" data-testid="person">
      <span className={person.role === "participant" ? "avatar" : "avatar team"} aria-hidden="true">
        {initials(person.name)}
      </span>
      <span className="name">
        <span className="cut">{person.name}</span>
        <span className="small faint">{facts(person, stage, isMe, say)}</span>
      </span>
      {!isMe && GOVERNS[me.role].includes(person.role) && (
        <Menu
          label={say("people.actions", { name: person.name })}
          className="btn quiet icon tight"
          button={<Icon name="more" />}
          items={items}
        />
      )}
    </li>
  );
}

function facts(person: Person, stage: Stage, isMe: boolean, say: Words): string {
  const on = stage.on_stage.find((one) => one.person_id === person.person_id);
  return [
    isMe ? say("role.you") : "",
    person.role === "participant" ? "" : say(`role.${person.role}`),
    on === undefined ? "" : say("people.onStage"),
    on?.muted === true ? say("people.muted") : "",
    on?.speaking === true ? say("people.speaking") : "",
    on === undefined && stage.invited.includes(person.person_id) ? say("people.invited") : "",
  ]
    .filter((fact) => fact !== "")
    .join(", ");
}

function actions(
  person: Person,
  stage: Stage,
  desk: Desk,
  say: Words,
  onRemove: () => void,
): readonly MenuItem[] {
  const id = person.person_id;
  const on = stage.on_stage.find((one) => one.person_id === id);
  const invited = stage.invited.includes(id);
  const items: MenuItem[] = [];
  if (on === undefined && person.role === "participant" && !invited) {
    items.push({ key: "invite", label: say("people.invite"), onSelect: () => void desk.invite(id) });
  }
  if (on !== undefined && !on.muted) {
    items.push({ key: "mute", label: say("people.mute"), onSelect: () => void desk.mute(id) });
  }
  if (on?.muted === true) {
    items.push({ key: "unmute", label: say("people.unmute"), onSelect: () => void desk.unmute(id) });
  }
  if (on !== undefined || invited) {
    items.push({ key: "off", label: say("people.sendOff"), onSelect: () => void desk.sendOffStage(id) });
  }
  return [...items, { key: "remove", label: say("people.remove"), danger: true, onSelect: onRemove }];
}
