import { describe, expect, it } from "vitest";
import { meter, text, tokenOf } from "./page";

describe("the access page", () => {
  it.each([
    ["/a/t4sNs7ib-ZQ_", "t4sNs7ib-ZQ_"],
    ["/a/t4sNs7ib/", "t4sNs7ib"],
    ["/prefix/a/t%2D1", "t-1"],
  ])("reads the link's secret from %s", (path, token) => {
    expect(tokenOf(path)).toBe(token);
  });

  it("fills the facts into the template's words", () => {
    const element = document.createElement("p");
    element.dataset.opensIn = "Opens at {at}, in {time}.";
    expect(text(element, "opensIn", { at: "13:45", time: "02:10" })).toBe("Opens at 13:45, in 02:10.");
    expect(text(null, "opensIn")).toBe("");
  });

  it("draws a level as bars, and tells it to screen readers", () => {
    const element = document.createElement("span");
    element.setAttribute("aria-valuenow", "0");
    meter(element, 10)(0.42);
    expect(element.querySelectorAll(".on")).toHaveLength(4);
    expect(element.getAttribute("aria-valuenow")).toBe("42");
  });
});
