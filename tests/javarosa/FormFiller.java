import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.javarosa.core.model.Constants;
import org.javarosa.core.model.FormDef;
import org.javarosa.core.model.RangeQuestion;
import org.javarosa.core.model.SelectChoice;
import org.javarosa.core.model.ValidateOutcome;
import org.javarosa.core.model.actions.setgeopoint.SetGeopointAction;
import org.javarosa.core.model.actions.setgeopoint.SetGeopointActionHandler;
import org.javarosa.core.model.condition.EvaluationContext;
import org.javarosa.core.model.condition.IFunctionHandler;
import org.javarosa.core.model.data.AnswerDataFactory;
import org.javarosa.core.model.data.IAnswerData;
import org.javarosa.core.model.data.MultipleItemsData;
import org.javarosa.core.model.data.SelectMultiData;
import org.javarosa.core.model.data.SelectOneData;
import org.javarosa.core.model.data.StringData;
import org.javarosa.core.model.data.UncastData;
import org.javarosa.core.model.instance.InstanceInitializationFactory;
import org.javarosa.core.model.instance.TreeElement;
import org.javarosa.core.model.instance.TreeReference;
import org.javarosa.core.reference.PrefixedRootFactory;
import org.javarosa.core.reference.Reference;
import org.javarosa.core.reference.ReferenceManager;
import org.javarosa.core.services.IPropertyManager;
import org.javarosa.core.services.PropertyManager;
import org.javarosa.form.api.FormEntryController;
import org.javarosa.form.api.FormEntryModel;
import org.javarosa.form.api.FormEntryPrompt;
import org.javarosa.model.xform.XFormSerializingVisitor;
import org.javarosa.model.xform.XFormsModule;
import org.javarosa.xform.parse.XFormParser;
import org.javarosa.xform.util.XFormUtils;
import org.javarosa.xpath.expr.XPathFuncExpr;

/**
 * Fills forms with the engine that is inside KoboCollect: opens, walks, answers, refuses, calculates, serialises.
 *
 * <p>One job a line on stdin, as JSON: {@code {"form", "media", "language" or "", "seed", "out", "words": {question: [text]}}};
 * one report a line on stdout: {@code entered} (path to answer as typed; repeats numbered from 1), {@code calculated} (what nobody
 * entered), {@code refused} ({@code path, value, kind, message}), {@code gone} (answered, then irrelevant), {@code invalid} (null, or the
 * first question that fails the whole form's validation), {@code events} (what the walk met), or {@code fault}.
 */
public final class FormFiller {
    private static final int TRIES = 400;
    private static final int WRONG_TRIES = 12;
    private static final int MOST_EVENTS = 20_000;
    private static final Set<Integer> PICKED =
            Set.of(Constants.CONTROL_SELECT_ONE, Constants.CONTROL_SELECT_MULTI, Constants.CONTROL_RANK);
    private static final List<String> TEXTS =
            List.of("Aïcha", "نعيمة", "L'eau & <l'école> \"100 %\"", "deux\nlignes", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "😀 ok", "=1+1");
    private static final Map<String, String> PHONE =
            Map.of("deviceid", "collect:test", "username", "test", "phonenumber", "0600000000", "email", "a@example.org");

    private static Path media;

    private final Map<String, String> entered = new LinkedHashMap<>();
    private final Map<String, String> calculated = new LinkedHashMap<>();
    private final Map<String, TreeReference> places = new HashMap<>();
    private final Map<String, List<String>> words;
    private final List<Map<String, String>> refused = new ArrayList<>();
    private final Random random;
    private final FormDef form;
    private final FormEntryModel model;
    private final FormEntryController controller;

    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper();
        PrintStream reports = System.out;
        System.setOut(System.err); // the engine prints as well
        setUpPhone();
        BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
            Map<String, Object> report;
            try {
                report = new FormFiller(json.readTree(line)).fill(Path.of(json.readTree(line).get("out").asText()));
            } catch (Exception error) {
                report = Map.of("fault", error.getClass().getSimpleName() + ": " + error.getMessage());
            }
            reports.write((json.writeValueAsString(report) + "\n").getBytes(StandardCharsets.UTF_8));
            reports.flush();
        }
    }

    private FormFiller(JsonNode job) throws Exception {
        random = new Random(new SplittableRandom(job.get("seed").asLong()).nextLong()); // alone it starts alike for small seeds
        words = new ObjectMapper().convertValue(
                job.get("words"), new ObjectMapper().getTypeFactory().constructMapType(Map.class, String.class, List.class));
        media = Path.of(job.get("media").asText());
        String last = Files.exists(media.resolve("last-saved.xml")) ? "jr://file/last-saved.xml" : null;
        try (InputStream in = new FileInputStream(job.get("form").asText())) {
            form = XFormUtils.getFormFromInputStream(in, last);
        }
        model = new FormEntryModel(form);
        controller = new FormEntryController(model);
        controller.addFunctionHandler(new PullData()); // before initialize, which calculates
        form.initialize(true, new InstanceInitializationFactory());
        if (!job.get("language").asText().isEmpty()) {
            controller.setLanguage(job.get("language").asText());
        }
    }

    private Map<String, Object> fill(Path out) throws Exception {
        Map<String, Object> report = new TreeMap<>();
        report.put("events", walk());
        ValidateOutcome outcome = form.validate();
        report.put("invalid", outcome == null ? null : path(outcome.failedPrompt.getReference()) + " " + outcome.outcome);
        controller.finalizeFormEntry(); // end, and whatever else is written at the very last
        Files.write(out, new XFormSerializingVisitor().serializeInstance(form.getInstance()));
        List<String> gone = places.keySet().stream().filter(path -> !isRelevant(places.get(path))).sorted().toList();
        entered.keySet().removeAll(gone); // answered, then made irrelevant by a later answer: not sent
        noteCalculated(form.getInstance().getRoot());
        report.putAll(Map.of("entered", entered, "calculated", calculated, "refused", refused, "gone", gone));
        return report;
    }

    // ── the walk ──

    private Map<String, Integer> walk() {
        Map<String, Integer> turnsLeft = new HashMap<>();
        Map<String, Integer> events = new TreeMap<>();
        int event = controller.stepToNextEvent();
        while (event != FormEntryController.EVENT_END_OF_FORM) {
            events.merge(nameOf(event), 1, Integer::sum);
            if (event == FormEntryController.EVENT_QUESTION) {
                answer(model.getQuestionPrompt());
            } else if (event != FormEntryController.EVENT_PROMPT_NEW_REPEAT) {
                model.getCaptionPrompt().getLongText(); // as a screen would show it
            } else {
                String repeat = path(model.getFormIndex().getReference()).replaceFirst("\\[\\d+\\]$", "");
                if (turnsLeft.merge(repeat, random.nextInt(3), (left, fresh) -> left - 1) > 0) {
                    controller.newRepeat();
                }
            }
            if (events.values().stream().mapToInt(n -> n).sum() > MOST_EVENTS) {
                throw new IllegalStateException("the walk does not end");
            }
            event = controller.stepToNextEvent();
        }
        return events;
    }

    private static String nameOf(int event) {
        return switch (event) {
            case FormEntryController.EVENT_PROMPT_NEW_REPEAT -> "prompt_new_repeat";
            case FormEntryController.EVENT_QUESTION -> "question";
            case FormEntryController.EVENT_GROUP -> "group";
            case FormEntryController.EVENT_REPEAT -> "repeat";
            default -> "other";
        };
    }

    private void answer(FormEntryPrompt prompt) {
        TreeReference place = prompt.getIndex().getReference();
        String path = path(place);
        prompt.getQuestionText();
        prompt.getHelpText();
        IAnswerData before = prompt.getAnswerValue();
        if (prompt.isReadOnly()) {
            return;
        }
        if (before == null && controller.answerQuestion(null, false) == FormEntryController.ANSWER_REQUIRED_BUT_EMPTY) {
            refuse(path, "", "required", requiredMessage(prompt));
        }
        if (form.getInstance().resolveReference(place).getConstraint() != null) {
            tryWrongAnswers(prompt, path);
        }
        boolean isLeftOut = !prompt.isRequired() && random.nextInt(10) < 3;
        for (int n = 0; n < TRIES; n++) {
            String value = isLeftOut ? null : draw(prompt, false);
            IAnswerData data = value == null ? before : dataOf(prompt, value);
            if (controller.answerQuestion(data, false) != FormEntryController.ANSWER_OK) {
                continue;
            }
            if (value != null && places.put(path, place) == null) {
                entered.put(path, value);
            }
            return;
        }
        refuse(path, "", "unanswerable", "");
    }

    private void tryWrongAnswers(FormEntryPrompt prompt, String path) {
        for (int n = 0; n < WRONG_TRIES; n++) {
            String wrong = draw(prompt, true);
            if (wrong == null) {
                return;
            }
            IAnswerData data = dataOf(prompt, wrong);
            if (controller.answerQuestion(data, false) == FormEntryController.ANSWER_CONSTRAINT_VIOLATED) {
                refuse(path, wrong, "constraint", prompt.getConstraintText(data));
                return;
            }
        }
    }

    private void refuse(String path, String value, String kind, String message) {
        String shown = message == null ? "" : message;
        refused.add(new TreeMap<>(Map.of("path", path, "value", value, "kind", kind, "message", shown)));
    }

    private String requiredMessage(FormEntryPrompt prompt) {
        String text = prompt.getBindAttributes().stream()
                .filter(attribute -> attribute.getName().equals("requiredMsg"))
                .map(TreeElement::getAttributeValue)
                .findFirst()
                .orElse("");
        String key = text.startsWith("jr:itext('") ? text.substring("jr:itext('".length(), text.length() - 2) : "";
        return key.isEmpty() ? text : form.getLocalizer().getLocalizedText(key);
    }

    // ── answers ──

    /** An answer as a person would type or pick it; null where there is nothing to pick. */
    private String draw(FormEntryPrompt prompt, boolean isWrong) {
        int control = prompt.getControlType();
        String name = prompt.getIndex().getReference().getNameLast();
        if (PICKED.contains(control)) {
            return pick(prompt, control, name);
        }
        if (prompt.getQuestion() instanceof RangeQuestion range) {
            BigDecimal span = range.getRangeEnd().subtract(range.getRangeStart());
            int steps = span.divide(range.getRangeStep()).abs().intValue();
            BigDecimal moved = range.getRangeStep().multiply(BigDecimal.valueOf(random.nextInt(steps + 1)));
            return range.getRangeStart().add(moved).toPlainString();
        }
        return control == Constants.CONTROL_TRIGGER ? "OK" : typed(prompt.getDataType(), name, isWrong);
    }

    private String pick(FormEntryPrompt prompt, int control, String name) {
        List<String> codes = new ArrayList<>();
        for (SelectChoice choice : prompt.getSelectChoices()) { // those that choice_filter leaves
            codes.add(choice.getValue());
            prompt.getSelectChoiceText(choice);
        }
        if (codes.isEmpty()) {
            return null;
        }
        Collections.sort(codes); // randomize() without a seed would have this differ from run to run
        Collections.shuffle(codes, random);
        List<String> told = words.getOrDefault(name, codes);
        if (control == Constants.CONTROL_SELECT_ONE) {
            return codes.containsAll(told) ? told.get(random.nextInt(told.size())) : codes.get(0);
        }
        int n = control == Constants.CONTROL_RANK ? codes.size() : 1 + random.nextInt(codes.size());
        return String.join(" ", codes.subList(0, n));
    }

    private String typed(int type, String name, boolean isWrong) {
        int far = random.nextBoolean() ? -40_000 : 40_000;
        String day = LocalDate.now().plusDays(isWrong ? far : random.nextInt(60) - 30).toString();
        String time = String.format("%02d:%02d:00.000%s", random.nextInt(24), random.nextInt(60), OffsetDateTime.now().getOffset());
        String point = (31 + random.nextInt(100_000) / 1e5) + " " + (-5 + random.nextInt(100_000) / 1e5) + " 900.0 4.5";
        return switch (type) {
            case Constants.DATATYPE_INTEGER, Constants.DATATYPE_LONG ->
                String.valueOf(isWrong ? (random.nextBoolean() ? -7 : 99_999) : random.nextInt(random.nextBoolean() ? 12 : 300));
            case Constants.DATATYPE_DECIMAL -> isWrong ? "-99999.5" : String.valueOf(random.nextInt(4000) / 8.0);
            case Constants.DATATYPE_DATE -> day;
            case Constants.DATATYPE_TIME -> time;
            case Constants.DATATYPE_DATE_TIME -> day + "T" + time;
            case Constants.DATATYPE_GEOPOINT -> point;
            case Constants.DATATYPE_GEOTRACE, Constants.DATATYPE_GEOSHAPE -> point + "; 31.5 -5.5 0.0 0.0; " + point;
            case Constants.DATATYPE_BINARY -> name + "-" + random.nextInt(1_000_000) + ".png";
            default -> {
                List<String> told = words.getOrDefault(name, TEXTS);
                yield isWrong ? (random.nextBoolean() ? "1" : "?9?") : told.get(random.nextInt(told.size()));
            }
        };
    }

    private static IAnswerData dataOf(FormEntryPrompt prompt, String value) {
        int control = prompt.getControlType();
        if (!PICKED.contains(control)) {
            return prompt.getDataType() == Constants.DATATYPE_BINARY
                    ? new StringData(value)
                    : AnswerDataFactory.templateByDataType(prompt.getDataType()).cast(new UncastData(value));
        }
        var picked = Arrays.stream(value.split(" "))
                .map(code -> prompt.getSelectChoices().stream()
                        .filter(choice -> choice.getValue().equals(code))
                        .findFirst()
                        .orElseThrow()
                        .selection())
                .toList();
        return switch (control) {
            case Constants.CONTROL_SELECT_ONE -> new SelectOneData(picked.get(0));
            case Constants.CONTROL_RANK -> new MultipleItemsData(picked);
            default -> new SelectMultiData(picked);
        };
    }

    // ── places ──

    private boolean isRelevant(TreeReference place) {
        return IntStream.range(0, place.size())
                .allMatch(n -> form.getInstance().resolveReference(place.getSubReference(n)).isRelevant());
    }

    /** {@code /data/group/repeat[2]/question}: repeats alone have numbers. */
    private String path(TreeReference place) {
        return IntStream.range(0, place.size())
                .mapToObj(n -> {
                    TreeElement node = form.getInstance().resolveReference(place.getSubReference(n));
                    boolean isTurn = node != null && node.isRepeatable();
                    return "/" + place.getName(n) + (isTurn ? "[" + (node.getMult() + 1) + "]" : "");
                })
                .collect(Collectors.joining());
    }

    /** What nobody entered: calculations, defaults, what the phone notes. */
    private void noteCalculated(TreeElement node) {
        if (!node.isRelevant() || node.getMult() == TreeReference.INDEX_TEMPLATE) {
            return;
        }
        for (int n = 0; n < node.getNumChildren(); n++) {
            noteCalculated(node.getChildAt(n));
        }
        if (node.getNumChildren() == 0 && node.getValue() != null && !entered.containsKey(path(node.getRef()))) {
            calculated.put(path(node.getRef()), node.getValue().uncast().getString());
        }
    }

    // ── the phone ──

    /** What Collect sets up before it opens a form: where files lie, and the phone's properties. */
    private static void setUpPhone() {
        new XFormsModule().registerModule();
        // The jar's own handler writes no position, and then fails on it.
        XFormParser.registerActionHandler("setgeopoint", new SetGeopointActionHandler() {
            @Override
            public SetGeopointAction getSetGeopointAction() {
                return new SetGeopointAction() {
                    @Override
                    public void requestLocationUpdates() {
                        saveLocationValue("31.5 -5.5 900.0 4.5");
                    }
                };
            }
        });
        ClassLoader loader = FormFiller.class.getClassLoader();
        PropertyManager.setPropertyManager((IPropertyManager) Proxy.newProxyInstance(
                loader,
                new Class<?>[] {IPropertyManager.class},
                (proxy, method, given) -> method.getName().equals("getSingularProperty") ? PHONE.get(given[0]) : null));
        String[] roots = {"file-csv", "file", "images", "audio", "video"};
        ReferenceManager.instance().addReferenceFactory(new PrefixedRootFactory(roots) {
            @Override
            protected Reference factory(String terminal, String uri) {
                String file = media.resolve(terminal.replaceFirst("^/", "")).toString();
                return (Reference) Proxy.newProxyInstance(loader, new Class<?>[] {Reference.class}, (proxy, method, given) -> {
                    if (method.getReturnType() == boolean.class) {
                        return new File(file).exists();
                    }
                    return method.getReturnType() == String.class ? file : null;
                });
            }
        });
    }

    /** {@code pulldata(file, column, key column, key)}: Collect's own, not the engine's. */
    private static final class PullData implements IFunctionHandler {
        @Override
        public String getName() {
            return "pulldata";
        }

        @Override
        public List<Class[]> getPrototypes() {
            return List.of();
        }

        @Override
        public boolean rawArgs() {
            return true;
        }

        @Override
        public boolean realTime() {
            return false;
        }

        @Override
        public Object eval(Object[] raw, EvaluationContext context) {
            String[] given = Arrays.stream(raw).map(XPathFuncExpr::toString).toArray(String[]::new);
            Path file = media.resolve(given[0].replaceFirst("\\.csv$", "") + ".csv");
            try (CSVParser rows = CSVParser.parse(Files.readString(file), CSVFormat.DEFAULT.withHeader())) {
                for (CSVRecord row : rows) {
                    if (row.get(given[2]).equals(given[3])) {
                        return row.get(given[1]);
                    }
                }
                return "";
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }
}
