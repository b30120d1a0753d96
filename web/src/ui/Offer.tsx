/** CTAs under the programme, never over it. What a reader hides stays hidden on this page until it is shown anew. */
import type { Cta } from "../wire";
import { useDesk, useRoom, useSay, useView } from "./context";
import { Icon } from "./icons";

export function Offers() {
  const ctas = useRoom((room) => room.ctas);
  const mayHost = useRoom((room) => room.me.may_host);
  const desk = useDesk();
  const hidden = useView((view) => view.hiddenCtas);
  const shown = ctas.filter((cta) => !hidden.includes(cta.cta_id));
  return (
    <div className="offers">
      {shown.map((cta) => (
        <Offer
          key={cta.cta_id}
          cta={cta}
          look={mayHost ? "seen" : "offered"}
          onHide={() => desk.hideCta(cta.cta_id)}
          onWithdraw={() => void desk.withdrawCta(cta.cta_id)}
        />
      ))}
    </div>
  );
}

interface OfferProps {
  readonly cta: Cta;
  readonly look: "offered" | "seen";
  readonly onHide: () => void;
  readonly onWithdraw: () => void;
}

function Offer({ cta, look, onHide, onWithdraw }: OfferProps) {
  const say = useSay();
  const safe = cta.url.startsWith("https://");
  return (
    <aside className={`offer ${look}`} aria-label={say("room.region.offer")} data-testid="cta">
      <span className="pic" aria-hidden="true">
        <Icon name="tag" large="large" />
      </span>
      <div className="offer-words">
        <strong>{cta.title}</strong>
        <p>{look === "seen" ? say("cta.shownToAll") : cta.text}</p>
      </div>
      {safe && (
        <a
          className={look === "seen" ? "btn secondary" : "btn primary"}
          href={cta.url}
          target="_blank"
          rel="noopener noreferrer"
        >
          {cta.label}
          <span className="sr"> ({say("cta.newWindow")})</span>
          <Icon name="out" />
        </a>
      )}
      {look === "seen" && (
        <button
          type="button"
          className="btn quiet"
          onClick={onWithdraw}
          title={say("host.cta.withdraw.title", { title: cta.title })}
        >
          {say("host.cta.withdraw")}
        </button>
      )}
      {look === "offered" && (
        <button
          type="button"
          className="btn quiet icon"
          onClick={onHide}
          aria-label={say("cta.hide")}
          title={say("cta.hide")}
        >
          <Icon name="x" />
        </button>
      )}
    </aside>
  );
}
