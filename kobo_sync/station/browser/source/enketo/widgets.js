// Enketo's widgets, less those that stand in for what every browser of today has: lists to pick from, dates and times.
// The browser's own are in its user's language, know right from left, and speak to those who do not see.

import AutocompleteSelectpicker from 'enketo-core/src/widget/select-autocomplete/autocomplete';
import DatepickerExtended from 'enketo-core/src/widget/date/datepicker-extended';
import DatepickerNative from 'enketo-core/src/widget/date-native/datepicker-native';
import DatetimepickerExtended from 'enketo-core/src/widget/datetime/datetimepicker-extended';
import DesktopSelectpicker from 'enketo-core/src/widget/select-desktop/selectpicker';
import RangeWidget from 'enketo-core/src/widget/range/range-widget';
import TimepickerExtended from 'enketo-core/src/widget/time/timepicker-extended';
import enketos from 'enketo-core/src/js/widgets';

class MultiplePicker extends DesktopSelectpicker {
    static get selector() {
        return '.question select[multiple]';
    }
}

class MonthPicker extends DatepickerExtended {
    static get selector() {
        return '.or-appearance-month-year input[type="date"], .or-appearance-year input[type="date"]';
    }
}

/** A search in a list where two persons may have the same name: what tells them apart is added. */
class Search extends AutocompleteSelectpicker {
    _init() {
        const list = this.question.querySelector(`datalist#${CSS.escape(this.element.getAttribute('list'))}`);
        if (list) tellApart([...list.querySelectorAll('option:not(.itemset-template)')]);
        super._init();
    }
}

function tellApart(options) {
    const byLabel = new Map();
    options.forEach((option) => {
        const label = option.textContent || option.value;
        byLabel.set(label, [...(byLabel.get(label) ?? []), option]);
    });
    for (const same of byLabel.values()) {
        if (same.length > 1) same.filter((option) => option.textContent).forEach((option) => option.append(` (${option.value})`));
    }
}

/** A slider that the keyboard moves too: Enketo's own takes only what was clicked. */
class Slider extends RangeWidget {
    _init() {
        super._init();
        this.range.addEventListener('input', () => this.range.classList.remove('empty'));
    }
}

const replaced = new Map([
    [DesktopSelectpicker, MultiplePicker],
    [DatepickerExtended, MonthPicker],
    [AutocompleteSelectpicker, Search],
    [RangeWidget, Slider],
    [DatetimepickerExtended, null],
    [TimepickerExtended, null],
    [DatepickerNative, null],
]);

export default enketos.map((widget) => (replaced.has(widget) ? replaced.get(widget) : widget)).filter(Boolean);
