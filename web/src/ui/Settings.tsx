/** Language, devices and shortcuts. Devices are listed only to whoever may speak, and only once allowed. */
import { useEffect, useState } from "react";
import type { Chosen } from "../connection/devices";
import { LANGUAGES } from "../i18n/language";
import { words } from "../i18n/words";
import { useDesk, usePreferences, useRoom, useSay, useSetLanguage } from "./context";
import { Dialog } from "./Dialog";

export interface SettingsProps {
  readonly onClose: () => void;
  readonly onShortcuts: () => void;
}

export function Settings({ onClose, onShortcuts }: SettingsProps) {
  const say = useSay();
  const setLanguage = useSetLanguage();
  const preferences = usePreferences();
  const mayPublish = useRoom((room) => room.me.may_publish);
  const [single, setSingle] = useState(preferences.shortcuts);
  return (
    <Dialog title={say("settings.title")} onClose={onClose}>
      <div className="fields">
        <label className="field">
          <span className="label">{say("settings.language")}</span>
          <select
            className="select"
            value={say.language}
            onChange={(event) => {
              const chosen = LANGUAGES.find((one) => one === event.currentTarget.value);
              if (chosen !== undefined) setLanguage(chosen);
            }}
          >
            {LANGUAGES.map((one) => (
              <option key={one} value={one} lang={one}>
                {words(one)("language.name")}
              </option>
            ))}
          </select>
        </label>
        {mayPublish && <DeviceChoice device="microphone" kind="audioinput" />}
        {mayPublish && <DeviceChoice device="camera" kind="videoinput" />}
        <label className="check">
          <input
            type="checkbox"
            checked={single}
            onChange={(event) => {
              setSingle(event.currentTarget.checked);
              preferences.setShortcuts(event.currentTarget.checked);
            }}
          />
          <span>{say("settings.shortcuts.on")}</span>
        </label>
        <button type="button" className="btn secondary" onClick={onShortcuts}>
          {say("settings.shortcuts")} <kbd aria-hidden="true">?</kbd>
        </button>
      </div>
    </Dialog>
  );
}

interface DeviceChoiceProps {
  readonly device: keyof Chosen;
  readonly kind: MediaDeviceKind;
}

function DeviceChoice({ device, kind }: DeviceChoiceProps) {
  const say = useSay();
  const desk = useDesk();
  const preferences = usePreferences();
  const [choices, setChoices] = useState<readonly MediaDeviceInfo[]>([]);
  const [chosen, setChosen] = useState(() => preferences.chosen()[device]);
  useEffect(() => {
    let live = true;
    void navigator.mediaDevices?.enumerateDevices().then((all) => {
      if (live) setChoices(all.filter((one) => one.kind === kind && one.label !== ""));
    });
    return () => {
      live = false;
    };
  }, [kind]);
  return (
    <label className="field">
      <span className="label">{say(`settings.${device}`)}</span>
      <select
        className="select"
        value={chosen}
        onChange={(event) => {
          setChosen(event.currentTarget.value);
          preferences.choose(device, event.currentTarget.value);
          void desk.deviceChosen(device);
        }}
      >
        <option value="">{say("settings.default")}</option>
        {choices.map((one) => (
          <option key={one.deviceId} value={one.deviceId}>
            {one.label}
          </option>
        ))}
      </select>
    </label>
  );
}
