package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The examples that Apache ships, as they are: what a newcomer runs first. */
class ExamplesTest {
    private static final String PACKAGE = "org.apache.rocketmq.example.";
    private static final Pattern MESSAGE_ID = Pattern.compile("msgId=([0-9A-F]+)");

    /** What the quick start sends to TopicTest, and the simple producer after it. */
    private static final int IN_TOPIC_TEST = 1000 + 128;

    @ParameterizedTest
    @EnumSource(Kind.class)
    void producersSendAndConsumersGetTheSame(Kind kind) throws Exception {
        try (Deployment at = Deployment.start(kind, Map.of())) {
            Clients.producer(at, "ExamplesTest").shutdown();
            assertEquals(1000, times("SEND_OK", produce(at, "quickstart.Producer")));
            assertEquals(128, times("SEND_OK", produce(at, "simple.Producer")));
            assertEquals(100, times(" OK ", produce(at, "simple.AsyncProducer")));
            assertEquals(100, times("SEND_OK", produce(at, "ordermessage.Producer")));
            assertEquals(60, times("SEND_OK", produce(at, "filter.TagFilterProducer")));
            assertEquals(1, times("SEND_OK", produce(at, "batch.SimpleBatchProducer")));
            assertEquals(100, times("SEND_OK", produce(at, "schedule.ScheduledMessageProducer")));
            assertEquals(Map.of("BatchTest", 3L, "TopicTestjjj", 100L), stored(at, "BatchTest", "TopicTestjjj"));

            Program consumers = Program.startJava(at, ExampleConsumers.class, List.of("quickstart.Consumer",
                "simple.PushConsumer", "simple.LitePullConsumerSubscribe", "broadcast.PushConsumer",
                "ordermessage.Consumer", "filter.TagFilterConsumer", "schedule.ScheduledMessageConsumer")
                .stream().map(PACKAGE::concat).toArray(String[]::new));
            try {
                consumed(consumers, "quickstart.Consumer", "please_rename_unique_group_name_4_", IN_TOPIC_TEST);
                consumed(consumers, "simple.PushConsumer", "CID_JODIE_1_", IN_TOPIC_TEST);
                consumed(consumers, "broadcast.PushConsumer", "please_rename_unique_group_name_1_", IN_TOPIC_TEST);
                consumed(consumers, "filter.TagFilterConsumer", "Thread_please_rename_unique_group_name_\\d+ ", 40);
                consumed(consumers, "schedule.ScheduledMessageConsumer", "^Receive message\\[", 100);
                consumed(consumers, "simple.LitePullConsumerSubscribe", "^\\[MessageExt", IN_TOPIC_TEST);
                Peers.await("ordermessage.Consumer, which rests for seconds in between", 90,
                    () -> ids(consumers, "please_rename_unique_group_name_3_").size() >= 20);
            } finally {
                consumers.stop();
            }
        }
    }

    private static String produce(Deployment at, String example) {
        return Printed.by(at, () -> Class.forName(PACKAGE + example).getMethod("main", String[].class)
            .invoke(null, (Object) new String[0]));
    }

    private static void consumed(Program consumers, String example, String marked, int messages) {
        Peers.await(example + " has all " + messages, 90, () -> ids(consumers, marked).size() >= messages);
        assertEquals(messages, ids(consumers, marked).size(), example);
    }

    /** The ids of the messages in the lines that have a mark. */
    private static TreeSet<String> ids(Program consumers, String marked) {
        Pattern mark = Pattern.compile(marked);
        TreeSet<String> ids = new TreeSet<>();
        for (String line : consumers.lines()) {
            if (mark.matcher(line).find()) {
                Matcher id = MESSAGE_ID.matcher(line);
                while (id.find()) {
                    ids.add(id.group(1));
                }
            }
        }
        return ids;
    }

    private static int times(String word, String text) {
        return text.split(Pattern.quote(word), -1).length - 1;
    }

    private static Map<String, Long> stored(Deployment at, String... topics) throws Exception {
        DefaultMQAdminExt admin = Clients.admin(at.nameServerAddress());
        try {
            Map<String, Long> stored = new TreeMap<>();
            for (String topic : topics) {
                long total = admin.examineTopicStats(topic).getOffsetTable().values().stream()
                    .mapToLong(range -> range.getMaxOffset() - range.getMinOffset()).sum();
                stored.put(topic, total);
            }
            return stored;
        } finally {
            admin.shutdown();
        }
    }
}
