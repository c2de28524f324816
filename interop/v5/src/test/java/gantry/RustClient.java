package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** The example program of this repository's client: it prints one JSON object per line. */
final class RustClient implements AutoCloseable {
    private final Program program;

    private RustClient(Program program) {
        this.program = program;
    }

    /** Starts a verb of the program; a consumer goes on until it is closed. */
    static RustClient start(Deployment at, String verb, String group, String topic, String... more) {
        return start(at, List.of(), verb, group, topic, more);
    }

    /** Starts a verb, waits for its end and gives what it printed. */
    static List<JSONObject> run(Deployment at, List<JSONObject> input, String verb, String group, String topic,
        String... more) {
        RustClient client = start(at, input, verb, group, topic, more);
        client.program.awaitSuccess();
        return client.lines();
    }

    private static RustClient start(Deployment at, List<JSONObject> input, String verb, String group, String topic,
        String... more) {
        List<String> command = new ArrayList<>(List.of(Peers.binary("examples/mq"), verb,
            "--name-servers", at.nameServerAddress(), "--group", group, "--topic", topic));
        command.addAll(List.of(more));
        return new RustClient(Program.start(at, input.stream().map(JSONObject::toString).toList(), command));
    }

    private List<JSONObject> lines() {
        return program.lines().stream().map(JSON::parseObject).toList();
    }

    /** The messages printed so far. */
    List<JSONObject> messages() {
        return events("message");
    }

    /** The bodies of the messages printed so far, in that order. */
    List<String> bodies() {
        return messages().stream().map(message -> message.getString("body")).toList();
    }

    /** The queues of a topic that this consumer reads now. */
    Set<Integer> queues(String topic) {
        List<JSONObject> shares = events("balanced").stream()
            .filter(event -> event.getString("topic").equals(topic)).toList();
        return shares.isEmpty() ? Set.of()
            : new TreeSet<>(shares.get(shares.size() - 1).getList("queues", Integer.class));
    }

    private List<JSONObject> events(String name) {
        return lines().stream().filter(line -> line.getString("event").equals(name)).toList();
    }

    /** SIGTERM: it gives its queues back, keeps its offsets and ends without complaint. */
    @Override
    public void close() {
        assertEquals(0, program.stop());
    }
}
